"""Where the gradient goes: one picture, drawn from plain JSON in the app, in lessons and in a single file.

    >>> from resnet_edu import flow, runs
    >>> run, twin = flow.find_twins("resnet-20-digits-s0")
    >>> flow.page(flow.flow_data(run, twin))[:15]
    '<!doctype html>'

README.md here describes the JSON and the modules in `js/`. No torch, and no server, is needed.
"""

from resnet_edu.flow.answers import flow_of, unanswered
from resnet_edu.flow.bundle import script, streamlit_parts, style
from resnet_edu.flow.contract import Dial, FlowData, NetData, Update
from resnet_edu.flow.data import FlowError, flow_data, fresh_data
from resnet_edu.flow.html import page, write_page
from resnet_edu.flow.twin import find_run, find_twins

__all__ = [
    "Dial",
    "FlowData",
    "FlowError",
    "NetData",
    "Update",
    "find_run",
    "find_twins",
    "flow_data",
    "flow_of",
    "fresh_data",
    "page",
    "script",
    "streamlit_parts",
    "style",
    "unanswered",
    "write_page",
]
