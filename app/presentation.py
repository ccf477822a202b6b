"""Presentation mode, `?present=1`: one figure fills the screen; the page's controls follow below it."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
import streamlit as st
import url_state
from streamlit.delta_generator import DeltaGenerator

from resnet_edu import charts

BUTTON_STYLE = """<style>
.st-key-presenting { position: absolute; top: 0.1rem; right: 3.2rem; width: auto; z-index: 2; }
</style>"""
STYLE = """<style>
.stMainBlockContainer { padding: 0.2rem 1.5rem 0.3rem !important; }
.stMainBlockContainer > .stVerticalBlock > :has(> .st-key-presenting) { order: -2; }
.stMainBlockContainer > .stVerticalBlock > :has(> .st-key-presented > *) {
  order: -1; flex: none; height: calc(100vh - 4rem); min-height: 22rem;
}
.st-key-presenting { justify-content: flex-end; padding-right: 2.4rem; }
.st-key-presented { height: 100%; gap: 0 !important; }
.st-key-presented > [class*=st-key-presented-] { flex: 1 1 auto !important; min-height: 0; }
[class*=st-key-presented-] :is(.stPlotlyChart, .js-plotly-plot, [data-testid=stFullScreenFrame]) {
  height: 100% !important;
}
.st-key-presented h2 { font-size: 1.4rem; }
.st-key-pages { display: none !important; }
</style>"""


def is_on() -> bool:
    return st.query_params.get("present") == "1"


def begin() -> None:
    """Start of a page's run: the switch, which the key p presses too, and room for the figure."""
    st.session_state["figures"] = {}
    st.html(STYLE if is_on() else BUTTON_STYLE)
    with st.container(horizontal=True, vertical_alignment="center", key="presenting"):
        st.session_state["choice"] = st.container(width="content")
        label = "Leave" if is_on() else "Present"
        help = "Show one figure as large as the screen, or all of the page again"
        st.button(label, key="present", help=help, shortcut="p", type="tertiary", on_click=_toggle)
    if is_on():
        st.session_state["stage"] = st.container(key="presented")


def end() -> None:
    """Offer the page's figures, which are known now."""
    figures: dict[str, str] = st.session_state["figures"]
    if not is_on() or not figures:
        return
    chosen: str | None = _chosen()
    if chosen not in figures:
        known = ", ".join(figures)
        st.session_state["stage"].warning(url_state.escaped(f"figure is {chosen!r}; allowed here: {known}."))
        chosen = None
    with st.session_state["choice"]:
        look: dict[str, Any] = {"label_visibility": "collapsed", "width": 420, "index": None}
        url_state.select("figure", "figure", chosen, figures, placeholder="choose a figure", **look)


def wants(key: str, name: str) -> bool:
    """Whether to draw this figure: on a presented page one is, the first unless the URL says another."""
    st.session_state["figures"][key] = name
    return not is_on() or key == _chosen()


def place() -> DeltaGenerator:
    """Where the wanted figure is drawn: the screen, or the next place of a page that is not presented."""
    stage: DeltaGenerator = st.session_state["stage"] if is_on() else st.container()
    return stage


def show(figure: go.Figure, key: str, heading: str, alt: str, larger: float) -> None:
    """Fill the screen with the figure, its type that much larger than the page's."""
    presented = _larger(figure, larger)
    presented.update_layout(height=None, autosize=True)
    with place():
        st.markdown(heading)
        look: dict[str, Any] = {"theme": None, "config": charts.config(), "alt": alt, "height": "stretch"}
        st.plotly_chart(presented, key=f"presented-{key}", **look)


def _chosen() -> str:
    figures: dict[str, str] = st.session_state["figures"]
    wanted = st.query_params.get("figure", "")
    return wanted or next(iter(figures), "")


def _larger(figure: go.Figure, factor: float) -> go.Figure:
    """A copy with larger type everywhere."""

    def scaled(part: Any, place: str = "") -> Any:
        if isinstance(part, dict):
            return {name: scaled(each, f"{place}.{name}") for name, each in part.items()}
        if isinstance(part, list):
            return [scaled(each, place) for each in part]
        return part * factor if place.endswith("font.size") and part is not None else part

    return go.Figure(scaled(json.loads(figure.to_json())))


def _toggle() -> None:
    if is_on():
        url_state.clear_params(*url_state.EVERYWHERE)
    else:
        url_state.set_params(present=1)
