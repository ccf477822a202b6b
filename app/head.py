"""The head of every page: its title, room for a switch, and warnings about the URL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import streamlit as st
import url_state
from streamlit.delta_generator import DeltaGenerator


def head(title: str, parameters: Collection[str], *widths: int) -> list[DeltaGenerator]:
    """Show the title, 5 wide, and warnings about URL parameters other than `parameters`; returns columns of
    these `widths` beside it."""
    left, *beside = st.columns([5, *widths], gap="medium", vertical_alignment="center")
    left.title(title, anchor=False)
    url_state.show_warnings_in(st.container())
    url_state.check_names(parameters)
    return beside


def switch(
    label: str,
    name: str,
    words: Mapping[str, str],
    default: str,
    where: DeltaGenerator,
    clears: Iterable[str] = (),
) -> str:
    """A segmented control for the view of a page.

    - `label`: for screen readers; it is not shown.
    - `name`: of the URL parameter.
    - `words`: value → text.
    - `default`: if the URL names none.
    - `where`: the container, which it fills.
    - `clears`: parameters that another view removes.
    """
    chosen = url_state.read(name, list(words), default)
    with where:
        look = {"label_visibility": "collapsed", "width": "stretch", "clears": clears}
        url_state.segmented(label, name, chosen, words, **look)
    return chosen
