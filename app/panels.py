"""Panels about a set of runs: verdict, charts, and where the numbers come from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import cache
import flow_picture
import plotly.graph_objects as go
import presentation
import streamlit as st
import url_state

from resnet_edu import charts
from resnet_edu.charts.style import Template
from resnet_edu.flow import FlowError
from resnet_edu.runs import Run
from resnet_edu.studies import degradation
from resnet_edu.studies.evidence import Evidence

ERRORS = ("training", "test")
FLOW_NAMES = ("q", "scale", "step", "pins", "open")
_COLUMNS = {"training": "train_error", "test": "test_error"}
_DEEPER = {"supported": "worse", "contradicted": "no worse"}
_BADGES = {"supported": "green", "depends": "orange"}


def template() -> Template:
    """The theme of the page: light or dark."""
    return "dark" if st.context.theme.type == "dark" else "light"


def show(figure: go.Figure, key: str, alt: str, *, larger: float = 1.25) -> None:
    """A chart below its `heading`; on a presented page only the chosen one, as large as the screen.

    - `key`: of the chart, on its page.
    - `alt`: what it shows, for screen readers and for the list of figures.
    - `larger`: its type when it is presented; 1 where captions fill their columns.
    """
    if presentation.is_on():
        if presentation.wants(key, alt):
            presentation.show(figure, key, st.session_state["heading"], alt, larger)
        return
    st.plotly_chart(figure, key=key, theme=None, config=charts.config(), alt=alt)


def heading(text: str, reading: str = "", level: int = 2) -> None:
    """A chart's heading, and beside it how to read the chart. `level` is 3 below a section's own heading.
    A presented page shows it with its chart only."""
    st.session_state["heading"] = heading_text(text, reading, level)
    if not presentation.is_on():
        st.markdown(st.session_state["heading"])


def heading_text(text: str, reading: str = "", level: int = 2) -> str:
    return f"{'#' * level} {text}" + (f" &nbsp; :gray[{reading}]" if reading else "")


def verdict(runs: Sequence[Run]) -> None:
    """The verdict and its first sentence; below, what shortcuts do; the rest behind a button."""
    found = cache.verdict(cache.written(cache.paths(runs)))
    lead, _, rest = found.sentence.partition(". ")
    colour = _BADGES.get(found.word, "gray")
    st.markdown(f":{colour}-badge[{found.word}] **{lead}.**")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="beside"):
        if beside := shortcuts(found.evidence):
            st.caption(beside, width="content")
        with st.popover("More", type="tertiary"):
            st.markdown(rest)


def shortcuts(evidence: Evidence) -> str:
    """What the shortcut is worth, and whether residual nets get worse with depth; "" before runs end."""
    worth, residual = evidence["shortcut"], evidence["residual"]
    said = []
    if worth["n"]:
        said.append(f"Shortcut at {worth['worse']['depth']} layers: worth {worth['mean']:+.1f} points.")
    if residual["n"]:
        deep, shallow = residual["worse"]["depth"], residual["better"]["depth"]
        bounds = ""
        if math.isfinite(residual["low"]):
            bounds = f", bounds {residual['low']:+.1f} and {residual['high']:+.1f}"
        word = _DEEPER.get(residual["word"], "not settled")
        said.append(
            f"Residual {deep} against {shallow} layers: {word} ({residual['mean']:+.1f} points{bounds})."
        )
    return " ".join(said).replace("-", "−")


def everything(runs: Sequence[Run], error: str, seed: int) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        errors(runs, error)
    with right:
        losses(runs)
    gradients(runs, seed)
    gradients_at(runs, seed)


def errors(runs: Sequence[Run], error: str) -> None:
    heading("Error after training", "points are runs, lines their mean")
    written = cache.written(cache.paths(runs))
    show(cache.error_figure(written, _COLUMNS[error], template()), "errors", f"{error} error against depth")


def losses(runs: Sequence[Run]) -> None:
    heading("Loss while training", "thin: each seed, thick: their mean")
    written = cache.written(cache.paths(runs))
    show(cache.loss_figure(written, template()), "losses", "loss against steps, plain and residual")


def gradients(runs: Sequence[Run], seed: int) -> None:
    """Heatmaps of the deepest twins with this seed."""
    pair = twins(runs, seed)
    if pair is None:
        st.info(f"No plain net with seed {seed} has its residual twin here.")
        return
    reading = "each row a layer, the image enters at the top; steps from left to right, on a log scale"
    heading(f"Gradient in every layer of the deepest twins, seed {seed}", reading)
    plain, residual = cache.written(cache.paths(pair))
    show(cache.heatmap_figure(plain, residual, template()), "heatmaps", "gradient norm by layer and step")


def gradients_at(runs: Sequence[Run], seed: int) -> None:
    """The same gradients one step at a time, in the picture that the gradients' own page shows in full."""
    pair = twins(runs, seed)
    if pair is None or not presentation.wants("flow", "the gradients step by step"):
        return
    try:
        data = flow_picture.of(pair)
    except FlowError as error:
        st.info(url_state.escaped(f"{error}."))
        return
    heading(
        "The same step by step", "press play, or drag the slider; more under “Where does the gradient go?”"
    )
    height = 0 if presentation.is_on() else 540
    with presentation.place():
        flow_picture.draw(data, f"flow-{pair[0].name}", names=FLOW_NAMES, height=height)


def twins(runs: Sequence[Run], seed: int) -> tuple[Run, Run] | None:
    """The deepest plain and residual run with this seed."""
    nets = {
        (run.experiment.net.plain, run.experiment.net.depth): run
        for run in runs
        if run.experiment.seed == seed
    }
    depths = [depth for plain, depth in nets if plain and (False, depth) in nets]
    return (nets[True, max(depths)], nets[False, max(depths)]) if depths else None


def provenance(runs: Sequence[Run], source: str) -> None:
    """How the runs were computed, and the rule of the verdict."""
    with st.expander("Where these numbers come from"):
        recipe, computed = runs[0].experiment.recipe, [run.compute for run in runs if run.compute]
        seeds = sorted({run.experiment.seed for run in runs})
        facts = {
            "Runs": f"{len(runs)} trainings, {source}; seeds {url_state.as_text(seeds)}",
            "Recipe": f"SGD, {recipe.steps:,} steps of {recipe.batch} images, learning rate {recipe.lr:g}",
            "Computed on": _all(f"{each.device} ({each.device_name}), {each.precision}" for each in computed),
            "Versions": _all(
                ", ".join(f"{name} {number}" for name, number in each.versions.items()) for each in computed
            ),
            "Commit": _all(each.commit or "not known" for each in computed),
            "Claim from": cache.STUDY.source,
        }
        st.markdown(
            "\n".join(["|  |  |", "|--|--|", *(f"| {name} | {fact} |" for name, fact in facts.items())])
        )
        st.code((degradation.__doc__ or "").strip(), language=None)


def _all(facts: Iterable[str]) -> str:
    return "; ".join(sorted(set(facts)))
