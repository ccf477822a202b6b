"""Many lesions measured at once, below the page's bench."""

from __future__ import annotations

from typing import Any

import cache
import pandas as pd
import panels
import plotly.graph_objects as go
import streamlit as st
import twins
from probe_client import ask_probes

from resnet_edu import charts

SWEEPS = (
    ("lesions", "Every unit in turn", "one unit is missing; level lines: the whole net", 1000),
    ("random_lesions", "Many at once", "chosen at random, several draws", 200),
    (
        "shuffles",
        "Another order",
        "equal sizes, swapped at random (Veit 2016 §4.3); tau: 1 − 2 × the share of reversed pairs",
        200,
    ),
)


def sweeps(pair: twins.Pair, of: str, word: str) -> None:
    """Every unit in turn, many at random, and other orders; `word` says on which images."""
    st.divider()
    for probe, title, reading, images in SWEEPS:
        asked = {"images": images, "of": of}
        found = ask_probes([(run, probe, asked) for run in pair], f"{title}: measuring", place=probe)
        if found is None:
            continue
        facts = {cache.name(run): each for run, (each, _) in zip(pair, found, strict=True)}
        tables = {name: pd.DataFrame(arrays) for name, (_, arrays) in zip(facts, found, strict=True)}
        panels.heading(title, f"{reading}; {word} images, {min(each['images'] for each in facts.values()):,}")
        panels.show(_sweep_figure(probe, facts, tables), probe, f"{title}, plain and residual")


def _sweep_figure(probe: str, facts: dict[str, dict[str, Any]], tables: dict[str, pd.DataFrame]) -> go.Figure:
    template = panels.template()
    if probe == "lesions":
        intact = {name: each["intact_error"] for name, each in facts.items()}
        return charts.lesion_errors(tables, intact, template=template)
    draw = charts.error_by_lesions if probe == "random_lesions" else charts.error_by_order
    return draw(tables, template=template)
