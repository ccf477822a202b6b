"""Can a map be trusted? What it owes to the weights, how well it foretells the score, how it jumps."""

from __future__ import annotations

from collections.abc import Sequence

import address
import pandas as pd
import readers
import results
import streamlit as st
import twins
from answers import Answer, answers
from subjects import Subject

from resnet_edu import charts
from resnet_edu.methods import INFIDELITY, METHODS, SANITY, SENSITIVITY, SHATTERED, UNIT_SHARES, Measure

WAITING = "Measuring what these maps are worth"


def section(subject: Subject, pair: twins.Pair, method: str, of_unit: dict[str, str]) -> None:
    """For the first method on the page, after its maps have come."""
    st.divider()
    st.subheader(f"Can {METHODS[method].title} be trusted here?", anchor=False)
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
            column.metric(readers.name(run), shown)


def sanity(subject: Subject, pair: twins.Pair, asked: dict[str, str]) -> None:
    found = subject.ask([(run, "sanity", asked) for run in pair], pair, WAITING, place="sanity")
    if found is None:
        return
    _explain(SANITY)
    nodes = readers.graph(pair[0].experiment.net)["nodes"]
    parts = ["head", *(node["id"] for node in reversed(nodes) if node["kind"] == "unit"), "stem"]
    values = {readers.name(run): arrays["correlation"] for run, (_, arrays) in zip(pair, found, strict=True)}
    figure = charts.sanity_curves(values, found[0][0]["after"], parts, template=results.template())
    results.show(figure, "sanity", "rank correlation of the maps against the share of random parts")


def shares(subject: Subject, pair: twins.Pair) -> None:
    found = subject.ask([(run, "unit_shares", {}) for run in pair], pair, WAITING, place="shares")
    if found is None:
        return
    _explain(UNIT_SHARES)
    named = {readers.name(run): facts | arrays for run, (facts, arrays) in zip(pair, found, strict=True)}
    figure = charts.unit_shares(named, template=results.template())
    results.show(figure, "shares", "share of the score through each unit's branch")


def shattered(pair: twins.Pair) -> None:
    """Over all depths of these nets, before and after training."""
    pairs = twins.of_all_depths(pair)
    asked = [(run, step) for each in pairs for run in each for step in (0, run.weight_steps()[-1])]
    found = answers([(run, "smoothness", {"step": step}) for run, step in asked], WAITING, place="shattered")
    if found is None:
        return
    _explain(SHATTERED)
    figure = charts.shattered_gradients(_table(asked, found), template=results.template())
    results.show(figure, "shattered", "cosine of gradients at nearby images against depth")


def _table(asked: Sequence[tuple], found: Sequence[Answer]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "net": readers.net_kind(run),
            "depth": run.experiment.net.depth,
            "moment": "trained" if step else "before training",
            "mean": facts["mean"],
            "sd": facts["sd"],
        }
        for (run, step), (facts, _) in zip(asked, found, strict=True)
    )


def _explain(measure: Measure) -> None:
    results.heading(measure.title)
    st.markdown(address.escaped(f"{measure.measures} {measure.cannot_tell}"))
    st.caption(address.escaped(measure.source))
