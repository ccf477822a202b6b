"""The visitor of this session: who waits for answers and trainings."""

from __future__ import annotations

import uuid

import streamlit as st


def client() -> str:
    """This session's name in the queue."""
    return str(st.session_state.setdefault("client", uuid.uuid4().hex))
