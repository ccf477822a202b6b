"""What a question's page begins with: its title, room for a switch, and what its address gets wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import address
import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def head(title: str, parameters: Collection[str], *widths: int) -> list[DeltaGenerator]:
    """The title, 5 wide, and warnings of parameters that are not these; returns rooms beside it."""
    left, *beside = st.columns([5, *widths], gap="medium", vertical_alignment="center")
    left.title(title, anchor=False)
    address.warn_into(st.container())
    address.check_names(parameters)
    return beside


def switch(
    label: str,
    name: str,
    words: Mapping[str, str],
    default: str,
    where: DeltaGenerator,
    forget: Iterable[str] = (),
) -> str:
    """Which of a few views the address names, and a row of buttons as wide as its room to change it."""
    chosen = address.read(name, list(words), default)
    with where:
        look = {"label_visibility": "collapsed", "width": "stretch", "forget": forget}
        address.press_one(label, name, chosen, words, **look)
    return chosen
