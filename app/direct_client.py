"""Direct questions: about a visitor's own picture, or a net that is no run. The page waits for the answer.

A visitor who moves on stops waiting, and the question leaves the queue. Answers stay in the server's memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import streamlit as st
import visitor

from resnet_edu.jobs import private
from resnet_edu.runs import Run
from resnet_edu.runs.answers import ProbeAnswer

MOST = 256  # answers


class Memory:
    """The answers used last, for all sessions."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, ProbeAnswer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> ProbeAnswer | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: str, answer: ProbeAnswer) -> None:
        with self._lock:
            self._kept[key] = answer
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)


@st.cache_resource(show_spinner=False)
def memory() -> Memory:
    return Memory()


def ask(source: Run | str, probe: str, **arguments: Any) -> ProbeAnswer:
    """As `private.ask`, with this session as the client. Errors are not kept."""
    key = private.key_of(source, probe, arguments)
    found = memory().get(key)
    if found is None:
        # Writing to the page is where Streamlit ends a run whose reader has moved on.
        look_up = st.empty().empty
        found = private.ask(source, probe, client=visitor.client(), on_wait=look_up, **arguments)
        memory().put(key, found)
    return found
