"""What do its paths carry? Signals by layer, contributions of units, gradient by path length, the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cache
import pandas as pd
import panels
import plotly.graph_objects as go
import streamlit as st
import twins
import url_state
from head import head, switch
from probe_client import ask_probes

from resnet_edu import charts
from resnet_edu.charts.style import Template
from resnet_edu.runs.answers import answer_folder, answered

MOMENTS = {"trained": "after training", "start": "before training"}
SIGNALS = {
    "gradient": ("layer_gradients", "Gradient of each layer", "how strongly the loss pulls at its weights"),
    "ratio": (
        "layer_gradients",
        "Step of each layer, against its weights",
        "how long one step of SGD is, in lengths of the weights it moves",
    ),
    "nearby": (
        "gradient_correlations",
        "Gradients at nearby inputs",
        "at an image and 1 % beside it: 1 is the same gradient, 0 an unrelated one (Balduzzi 2017 §2)",
    ),
    "examples": (
        "gradient_correlations",
        "Gradients of different images",
        "of all pairs: above 0 they pull the same way, near 0 each its own",
    ),
    "growth": (
        "jacobians",
        "From the image to each unit",
        "how many times as long a small random change of the image has become there",
    ),
    "sd": ("activations", "Spread of the activations", "of what each ReLU lets through"),
    "dead": (
        "activations",
        "Dead channels",
        "zero everywhere in all images: no gradient passes them",
    ),
}
LENGTHS = {"each": "each length", "up_to": "up to each length"}
ABOUT_STEP = (
    "The step: learning rate {lr:g}, weight decay {weight_decay:g}; where decay alone acts, their product."
)
ABOUT_LENGTHS = (
    "All paths together: what their gradients add up to, along the whole gradient; below 0 it points away. "
    "Single paths, sampled: their number times the mean length of their gradients, as if none cancelled."
)
ABOUT_LOSS = (
    "A step of 1 moves each filter by its own norm; the cross is where training ended. The loss is in nats, "
    "with natural logarithms: guessing among ten classes costs 2.3. Running statistics: batch norm as at "
    "test time."
)
PARAMETERS = ("nets", "depth", "seed", "moment", "signal", "lengths", "plane")
Tables = dict[str, pd.DataFrame]


def page() -> None:
    (beside,) = head("What do its paths carry?", PARAMETERS, 3)
    moment = switch("moment", "moment", MOMENTS, "trained", beside)
    chosen = twins.choose()
    if chosen is None:
        return
    pair, place = chosen
    at = {"step": 0} if moment == "start" else {}
    with place:
        signal = url_state.read("signal", list(SIGNALS), "gradient")
        said = {name: text for name, (_, text, _) in SIGNALS.items()}
        url_state.select("signal", "signal", signal, said, width=330)
    probe, words, reading = SIGNALS[signal]
    about = ABOUT_STEP if signal == "ratio" else ""

    def draw(tables: Tables, template: Template) -> go.Figure:
        return charts.by_depth(tables, signal, template=template)

    show(pair, probe, at, words, reading, draw, about)
    reading = "what each unit adds to the sum x₀ + ΣF, and what it was given"
    show(pair, "contributions", at, "The unrolled sum", reading, _contributions)
    lengths(pair, at)
    surface(pair)


def lengths(pair: twins.Pair, at: dict[str, int]) -> None:
    chosen = url_state.read("lengths", list(LENGTHS), "each")

    def draw(tables: Tables, template: Template) -> go.Figure:
        url_state.segmented("share of the gradient by paths of", "lengths", chosen, LENGTHS)
        return charts.path_lengths(tables, up_to=chosen == "up_to", template=template)

    reading = "every unit is passed through its branch or its shortcut: 2ⁿ ways (Veit 2016 §4.2)"
    show(pair, "path_lengths", at, "Paths by their length", reading, draw, ABOUT_LENGTHS)


def _contributions(tables: Tables, template: Template) -> go.Figure:
    return charts.unit_contributions(tables, template=template)


def show(
    pair: twins.Pair,
    probe: str,
    at: dict[str, int],
    title: str,
    reading: str,
    draw: Callable[[Tables, Template], go.Figure],
    about: str = "",
) -> None:
    found = ask_probes([(run, probe, at) for run in pair], f"{title}: measuring", place=probe)
    if found is None:
        return
    tables = {cache.name(run): pd.DataFrame(arrays) for run, (_, arrays) in zip(pair, found, strict=True)}
    panels.heading(title, reading)
    panels.show(draw(tables, panels.template()), probe, f"{title}, plain and residual")
    facts = found[0][0]
    st.caption(url_state.escaped(f"{measured_on(facts)} {about.format_map(facts)}".rstrip()))


def measured_on(facts: dict[str, Any]) -> str:
    """On how many images the numbers were measured, as a sentence."""
    return f"Measured on {facts['images']:,} {'training' if facts['of'] == 'train' else 'test'} images."


def surface(pair: twins.Pair) -> None:
    """Recorded planes at once; others take minutes, and are computed on request."""
    reading = "from their weights along two random directions, α and β (Li 2018 §4)"
    panels.heading("The loss around the trained nets", reading)
    wanted = url_state.read("plane", ["no", "yes"], "no") == "yes"
    there = all(answered(answer_folder(run, "loss_plane", {})) for run in pair)
    if not (wanted or there):
        st.button("Compute it: takes minutes", on_click=url_state.set_params, kwargs={"plane": "yes"})
        return
    found = ask_probes([(run, "loss_plane", {}) for run in pair], "Computing the loss at every point")
    if found is None:
        return
    planes = {cache.name(run): answer for run, answer in zip(pair, found, strict=True)}
    panels.show(charts.loss_planes(planes, template=panels.template()), "plane", "loss around both nets")
    st.caption(ABOUT_LOSS)


page()
