"""Shared by the figures with an axis of units: that axis, the look of a net's line, the legend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from resnet_edu.anatomy import full_label
from resnet_edu.charts import style
from resnet_edu.charts.labels import layer_ticks
from resnet_edu.charts.style import Template

Tables = Mapping[str, pd.DataFrame]
"""A probe's table for each net, by names such as 'plain 56' and 'residual 56'."""


def look(name: str, *, width: float = 2.5, size: int = 9) -> dict[str, Any]:
    """Line and marker of a net in its colour, dash and symbol."""
    net = style.net_of(name)
    return {
        "mode": "lines+markers",
        "line": {"color": style.COLOURS[net], "dash": style.DASHES[net], "width": width},
        "marker": {"symbol": style.SYMBOLS[net], "size": size, "color": style.COLOURS[net]},
    }


def hover_data(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """For `customdata`: each row's label, such as 'stage 1, unit 2 (stages.0.1)', and these columns."""
    return table[["name", *columns]].assign(name=[full_label(name) for name in table["name"]])


def legend(fig: go.Figure) -> None:
    place = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    fig.update_layout(showlegend=True, legend=place, margin_t=70)


def count(tables: Tables) -> int:
    return max((len(table) for table in tables.values()), default=0)


def number_units(
    fig: go.Figure, tables: Tables, template: Template, what: str = "unit", **where: int
) -> None:
    """Number the units on the x axis from 1; a dotted line marks those that change the maps' size."""
    ticks, names = layer_ticks(count(tables))
    fig.update_xaxes(
        title_text=what, range=[0.4, count(tables) + 0.6], tickvals=ticks, ticktext=names, **where
    )
    table = max(tables.values(), key=len)
    for unit in np.flatnonzero(table["changes_size"]) if "changes_size" in table else ():
        line = {"dash": "dot", "width": 1.5, "color": style.ink(template)}
        fig.add_vline(x=unit + 1, line=line, opacity=0.45, exclude_empty_subplots=False)


def without_rows(tables: Tables) -> dict[str, pd.DataFrame]:
    return {name: table for name, table in tables.items() if len(table)}
