"""What do its paths carry? Signals by layer, contributions of units, gradient by path length, the loss."""

from __future__ import annotations

from collections.abc import Callable

import address
import pandas as pd
import plotly.graph_objects as go
import readers
import results
import streamlit as st
import twins
from answers import Answer, answers

from resnet_edu import charts, jobs
from resnet_edu.charts.style import Template
from resnet_edu.runs.answers import answered

MOMENTS = {"trained": "after training", "start": "before training"}
SIGNALS = {
    "gradient": ("layer_gradients", "Gradient of each layer"),
    "ratio": ("layer_gradients", "Step of each layer, against its weights"),
    "nearby": ("gradient_correlations", "Gradients at nearby inputs"),
    "examples": ("gradient_correlations", "Gradients of different images"),
    "growth": ("jacobians", "From the image to each unit"),
    "sd": ("activations", "Spread of the activations"),
    "dead": ("activations", "Dead channels"),
}
PARAMETERS = ("nets", "depth", "seed", "moment", "signal", "plane")
Tables = dict[str, pd.DataFrame]


def page() -> None:
    title, switch = st.columns([5, 3], gap="medium", vertical_alignment="center")
    title.title("What do its paths carry?", anchor=False)
    address.warn_into(st.container())
    address.check_names(PARAMETERS)
    moment = address.read("moment", list(MOMENTS), "trained")
    with switch:
        look = {"label_visibility": "collapsed", "width": "stretch"}
        address.press_one("moment", "moment", moment, MOMENTS, **look)
    chosen = twins.choose()
    if chosen is None:
        return
    pair, place = chosen
    at = {"step": 0} if moment == "start" else {}
    with place:
        signal = address.read("signal", list(SIGNALS), "gradient")
        said = {name: text for name, (_, text) in SIGNALS.items()}
        address.pick_one("signal", "signal", signal, said, width=330)
    probe, words = SIGNALS[signal]
    show(pair, probe, at, words, "", lambda tables, look: charts.by_depth(tables, signal, template=look))
    reading = "what each unit adds to the sum x₀ + ΣF, and what it was given"
    show(pair, "contributions", at, "The unrolled sum", reading, _contributions)
    reading = "every unit is passed through its branch or its shortcut: 2ⁿ ways (Veit 2016 §4.2)"
    show(pair, "path_lengths", at, "Paths by their length", reading, _lengths)
    surface(pair)


def _contributions(tables: Tables, template: Template) -> go.Figure:
    return charts.unit_contributions(tables, template=template)


def _lengths(tables: Tables, template: Template) -> go.Figure:
    return charts.path_lengths(tables, template=template)


def show(
    pair: twins.Pair,
    probe: str,
    at: dict[str, int],
    title: str,
    reading: str,
    draw: Callable[[Tables, Template], go.Figure],
) -> None:
    found = answers([(run, probe, at) for run in pair], f"{title}: measuring", place=probe)
    if found is None:
        return
    tables = {readers.name(run): pd.DataFrame(arrays) for run, (_, arrays) in zip(pair, found, strict=True)}
    results.heading(title, reading)
    results.show(draw(tables, results.template()), probe, f"{title}, plain and residual")
    told(found)


def told(found: list[Answer]) -> None:
    """How many images it was measured on."""
    facts = found[0][0]
    st.caption(f"Measured on {facts['images']:,} {'training' if facts['of'] == 'train' else 'test'} images.")


def surface(pair: twins.Pair) -> None:
    """The planes that ship at once; others take minutes, and are computed when asked for."""
    reading = "two random directions, in every filter as long as its weights (Li 2018 §4)"
    results.heading("The loss around the trained nets", reading)
    wanted = address.read("plane", ["no", "yes"], "no") == "yes"
    there = all(answered(jobs.answer_folder(run, "loss_plane", {})) for run in pair)
    if not (wanted or there):
        st.button("Compute it: takes minutes", on_click=address.put, kwargs={"plane": "yes"})
        return
    found = answers([(run, "loss_plane", {}) for run in pair], "Computing the loss at every point")
    if found is None:
        return
    planes = {readers.name(run): answer for run, answer in zip(pair, found, strict=True)}
    results.show(charts.loss_planes(planes, template=results.template()), "plane", "loss around both nets")


page()
