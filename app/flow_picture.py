"""The gradient-flow picture as a Streamlit component: registered once, when this module is imported.

While it plays it sends nothing. When it stops, it sends its view, which this module writes to the URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import cache
import streamlit as st

from resnet_edu import flow
from resnet_edu.flow.contract import FlowData
from resnet_edu.runs import Run, RunError

VIEW = (
    *("view", "q", "scale", "step", "pins", "open", "speed", "loop"),
    *("formula", "chain", "decay", "update", "at", "dial", "unit", "alpha"),
)
"""The picture's URL parameters; `flow/README.md` lists their values."""

_parts = flow.streamlit_parts()
_component = st.components.v2.component("resnet_edu_flow", html=_parts.html, css=_parts.css, js=_parts.js)


def draw(data: FlowData, key: str, *, names: Sequence[str] = VIEW, height: int = 0) -> None:
    """Show the picture, with the view of the URL.

    data    what `of` returns, or `flow.fresh_data`
    key     names the component; another key is another picture
    names   which parts of the view the page keeps in its address
    height  in pixels; 0: what the window leaves below
    """
    query = urlencode({name: st.query_params[name] for name in names if name in st.query_params})
    shown = {"flow": data, "query": query, "height": height or "rest", "report": True}
    _component(data=shown, key=key, height="content", on_query_change=lambda: _keep(key, names))


@st.cache_resource(show_spinner=False, max_entries=32)
def recorded(runs: tuple[cache.Written, ...], unanswered: int) -> FlowData:
    """The picture's data of these runs; the cache's key says how much of them is written, and how many
    answers are not there yet."""
    plain, *rest = (Run(path) for path, *_ in runs)
    return flow.flow_of(plain, rest[0] if rest else None)


def of(runs: Sequence[Run]) -> FlowData:
    """The picture's data: tables, and all answers so far. Raises `FlowError` as `flow.flow_of` does."""
    try:
        unanswered = sum(len(flow.unanswered(run)) for run in runs)
    except RunError as error:
        raise flow.FlowError(f"{error}") from None
    return recorded(cache.written(cache.paths(runs)), unanswered)


def _keep(key: str, names: Sequence[str]) -> None:
    """Write the picture's view to the URL."""
    state: Any = st.session_state[key]
    told = dict(parse_qsl(state.get("query") or ""))
    for name in names:
        if name in told:
            st.query_params[name] = told[name]
        else:
            st.query_params.pop(name, None)
