"""The modules of `js/` as one: each host gets a single ES module, put together in a fixed order.

There is no build step. Every module becomes a function that returns what it exports, so each keeps its
own scope, and an import becomes the reading of another function's result. Imports and exports are
written in one form only: `import { a, b } from "./x.js";` and `export const|function|class NAME`.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

FOLDER = Path(__file__).parent
Host = Literal["none", "html", "streamlit", "anywidget"]
HOSTS: tuple[Host, ...] = ("none", "html", "streamlit", "anywidget")
MODULES = (
    "dom",
    "numbers",
    "colour",
    "model",
    "state",
    "layout",
    "axes",
    "nets",
    "profile",
    "curves",
    "words",
    "formulas",
    "reading",
    "training",
    "lens",
    "slow",
    "dial",
    "controls",
    "transport",
    "player",
    "keys",
    "looks",
    "reader",
    "picture",
)
"""Each uses only those before it."""

_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|function|class) (\w+))", re.MULTILINE)


class Parts(NamedTuple):
    """What `st.components.v2.component(name, html=…, css=…, js=…)` takes."""

    html: str
    css: str
    js: str


@cache
def script(host: Host = "none") -> str:
    """One ES module. Its default export fits the host; 'none' exports `mount` by name instead."""
    if host not in HOSTS:
        raise ValueError(f"host is {host!r}; allowed: {', '.join(HOSTS)}")
    modules = [_as_function(name, (FOLDER / "js" / f"{name}.js").read_text("utf-8")) for name in MODULES]
    if host == "none":
        tail = "export const { mount } = _picture;\n"
    else:
        tail = _IMPORT.sub(r"const \1 = _\2;", (FOLDER / "hosts" / f"{host}.js").read_text("utf-8"))
    return "\n".join([*modules, tail])


def _as_function(name: str, text: str) -> str:
    exported = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub(r"const \1 = _\2;", text))
    return f"const _{name} = (() => {{\n{body}return {{ {exported} }};\n}})();\n"


@cache
def style() -> str:
    """The style sheet; every rule of it is below `.flow`."""
    return (FOLDER / "flow.css").read_text("utf-8")


def streamlit_parts() -> Parts:
    """The picture as a Streamlit component (v2). Its `data` is
    `{"flow": FlowData, "query": str, "height": pixels, "report": bool}`; `query` comes back as state."""
    return Parts('<div class="flow-host"></div>', style(), script("streamlit"))
