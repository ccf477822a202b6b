"""What goes wrong is said in a sentence; the whole story goes to the terminal that serves the page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import address
import streamlit as st

from resnet_edu.experiment.spec import SpecError
from resnet_edu.runs import RunError


@contextmanager
def in_words() -> Iterator[None]:
    """Around all that is drawn, and around each fragment, which Streamlit runs on its own."""
    try:
        yield
    except (SpecError, RunError, OSError) as error:
        st.error(address.escaped(f"{error}."))
    except Exception:
        logging.getLogger("resnet_edu").exception("while drawing the page")
        st.error("Something went wrong that should not. The terminal that serves this page says what.")
