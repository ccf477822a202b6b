"""Errors reach the page as one sentence; tracebacks go to the terminal that serves it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
import url_state

from resnet_edu.experiment.spec import SpecError
from resnet_edu.runs import RunError


@contextmanager
def show_errors() -> Iterator[None]:
    """Show exceptions on the page. Wrap each fragment too: Streamlit runs fragments on their own."""
    try:
        yield
    except (SpecError, RunError, OSError) as error:
        st.error(url_state.escaped(f"{error}."))
    except Exception:
        logging.getLogger("resnet_edu").exception("while drawing the page")
        st.error("Something went wrong that should not. The terminal that serves this page says what.")
