"""Can a map be trusted? Its dependence on the weights, its infidelity and its sensitivity."""

from __future__ import annotations

from collections.abc import Sequence

import cache
import pandas as pd
import panels
import streamlit as st
import twins
import url_state
from image_picker import Subject
from probe_client import ask_probes

from resnet_edu import charts
from resnet_edu.methods import INFIDELITY, METHODS, SANITY, SENSITIVITY, SHATTERED, UNIT_SHARES, Measure
from resnet_edu.runs import Run
from resnet_edu.runs.answers import ProbeAnswer

WAITING = "Measuring what these maps are worth"


def section(subject: Subject, pair: twins.Pair, method: str, of_unit: dict[str, str]) -> None:
    """For the first method on the page, below its maps."""
    st.divider()
    with st.container(key="trust"):
        st.header(f"Can {METHODS[method].title} be trusted here?", anchor=False)
    asked = {"method": method, **of_unit}
    left, right = st.columns(2, gap="large")
    with left:
        numbers(subject, pair, asked)
        shares(subject, pair)
    with right:
        sanity(subject, pair, asked)
        shattered(pair)


def numbers(subject: Subject, pair: twins.Pair, asked: dict[str, str]) -> None:
    found = subject.ask([(run, "trust", asked) for run in pair], pair, WAITING, place="trust")
    if found is None:
        return
    for name, measure in (("infidelity", INFIDELITY), ("sensitivity", SENSITIVITY)):
        _explain(measure)
        for column, run, (facts, _) in zip(st.columns(2), pair, found, strict=True):
            value = facts[name]
            shown = "not defined" if value is None else f"{value:.2f}"
            column.metric(cache.name(run), shown)


def sanity(subject: Subject, pair: twins.Pair, asked: dict[str, str]) -> None:
    found = subject.ask([(run, "sanity", asked) for run in pair], pair, WAITING, place="sanity")
    if found is None:
        return
    _explain(SANITY)
    nodes = cache.graph(pair[0].experiment.net)["nodes"]
    parts = ["head", *(node["id"] for node in reversed(nodes) if node["kind"] == "unit"), "stem"]
    values = {cache.name(run): arrays["correlation"] for run, (_, arrays) in zip(pair, found, strict=True)}
    figure = charts.sanity_curves(values, found[0][0]["after"], parts, template=panels.template())
    panels.show(figure, "sanity", "rank correlation of the maps against the share of random parts")


def shares(subject: Subject, pair: twins.Pair) -> None:
    found = subject.ask([(run, "unit_shares", {}) for run in pair], pair, WAITING, place="shares")
    if found is None:
        return
    _explain(UNIT_SHARES)
    named = {cache.name(run): facts | arrays for run, (facts, arrays) in zip(pair, found, strict=True)}
    figure = charts.unit_shares(named, template=panels.template())
    panels.show(figure, "shares", "share of the score through each unit's branch")


def shattered(pair: twins.Pair) -> None:
    """Over all depths of these nets, before and after training."""
    pairs = twins.of_all_depths(pair)
    asked = [(run, step) for each in pairs for run in each for step in (0, run.weight_steps()[-1])]
    found = ask_probes(
        [(run, "smoothness", {"step": step}) for run, step in asked], WAITING, place="shattered"
    )
    if found is None:
        return
    _explain(SHATTERED)
    figure = charts.shattered_gradients(_table(asked, found), template=panels.template())
    panels.show(figure, "shattered", "cosine of gradients at nearby images against depth")


def _table(asked: Sequence[tuple[Run, int]], found: Sequence[ProbeAnswer]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "net": cache.net_kind(run),
            "depth": run.experiment.net.depth,
            "moment": "trained" if step else "before training",
            "mean": facts["mean"],
            "sd": facts["sd"],
        }
        for (run, step), (facts, _) in zip(asked, found, strict=True)
    )


def _explain(measure: Measure) -> None:
    panels.heading(measure.title, level=3)
    st.markdown(url_state.escaped(f"{measure.measures} {measure.cannot_tell}"))
    st.caption(url_state.escaped(measure.source))
