"""A residual net as a sum over paths: what each unit adds, and which path lengths carry the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from resnet_edu.charts import by_unit, style
from resnet_edu.charts.by_unit import Tables
from resnet_edu.charts.labels import decades, whole_numbers
from resnet_edu.charts.layers import positive
from resnet_edu.charts.style import Template

_NOTHING = "no paths measured yet"


def unit_contributions(tables: Tables, *, template: Template = "light") -> go.Figure:
    """`tables` of the probe `contributions`, by net: unit, name, L2 norms shortcut and branch, ratio, cosine.

    Above, the norms of the terms of each unit's sum: the branch's F(x) as a thick line, the shortcut's
    h(x) as a thin one; a plain net has a branch alone. Below, their ratio.
    """
    fig = _two_plots(template, 620)
    fig.update_yaxes(title_text="norm (L2)", type="log", row=1, col=1)
    fig.update_yaxes(title_text="branch : shortcut", type="log", row=2, col=1)
    tables = by_unit.without_rows(tables)
    if not tables:
        return style.note(fig, _NOTHING, row=1, col=1)
    by_unit.number_units(fig, tables, template, "unit (dotted: it changes the size)", row=2, col=1)
    fig.update_xaxes(tickvals=fig.layout.xaxis2.tickvals, row=1, col=1)
    for name, table in tables.items():
        plain = style.net_of(name) == "plain"
        _by_unit(fig, table, "branch", f"{name}: branch F(x)", 1, by_unit.look(name, width=4))
        if not plain:
            thin = by_unit.look(name, width=1.5, size=8)
            thin["marker"]["symbol"] = "circle-open"
            _by_unit(fig, table, "shortcut", f"{name}: shortcut h(x)", 1, thin)
            _by_unit(fig, table, "ratio", f"{name}: ratio", 2, by_unit.look(name), legend=False)
    if all(style.net_of(name) == "plain" for name in tables):
        style.note(fig, "a plain net has no shortcut to compare with", row=2, col=1)
    for row in (1, 2):
        _in_decades(fig, row)
    return fig


def _by_unit(
    fig: go.Figure,
    table: pd.DataFrame,
    column: str,
    label: str,
    row: int,
    look: dict[str, Any],
    *,
    legend: bool = True,
) -> None:
    fig.add_scatter(
        x=table["unit"] + 1,
        y=positive(table[column].to_numpy(dtype=float)),
        name=label,
        showlegend=legend,
        customdata=by_unit.hover_data(table, "cosine", "changed"),
        hovertemplate=f"<b>{label}</b>, %{{customdata[0]}}<br>%{{y:.3g}}; cosine of h(x) and F(x) "
        "%{customdata[1]:.2f};<br>what follows the sum changes it by %{customdata[2]:.2f} of its length"
        "<extra></extra>",
        row=row,
        col=1,
        **look,
    )


def path_lengths(tables: Tables, *, up_to: bool = False, template: Template = "light") -> go.Figure:
    """`tables` of the probe `path_lengths`, by net: length in branches, and shares in %.

    Above, how the paths are distributed over their lengths: exact counts. Below, the gradient: the share
    of each length's paths all together (filled), which is signed, and the share told by the norms of
    sampled single paths (open; Veit 2016 Fig. 6). `up_to` adds the lower ones up to each length.
    """
    fig = _two_plots(template, 640)
    what = "up to this length" if up_to else "of this length"
    fig.update_yaxes(title_text="paths (%)", rangemode="tozero", row=1, col=1)
    fig.update_yaxes(title_text=f"gradient by paths<br>{what} (%)", row=2, col=1)
    fig.update_xaxes(title_text="length of a path (branches it passes)", row=2, col=1)
    tables = by_unit.without_rows(tables)
    if not tables:
        return style.note(fig, _NOTHING, row=1, col=1)
    most = by_unit.count(tables)
    fig.update_xaxes(range=[-0.7, most - 0.3], **whole_numbers(most))
    for name, table in tables.items():
        _counted(fig, name, table)
        seen = table[table["paths"] > 0]
        for sampled in (False, True):
            _carried(fig, name, seen, up_to, sampled)
    fig.add_hline(y=0, line={"width": 1, "color": style.ink(template)}, opacity=0.5, row=2, col=1)
    return fig


def _counted(fig: go.Figure, name: str, table: pd.DataFrame) -> None:
    fig.add_bar(
        x=table["length"],
        y=table["paths_share"],
        name=name,
        marker_color=style.COLOURS[style.net_of(name)],
        marker_pattern_shape="/" if style.net_of(name) == "plain" else "",
        opacity=0.85,
        customdata=table[["paths"]],
        hovertemplate=f"<b>{name}, length %{{x}}</b><br>%{{customdata[0]:,.4g}} paths: %{{y:.3g}} % of all"
        "<extra></extra>",
        showlegend=False,
        row=1,
        col=1,
    )


def _carried(fig: go.Figure, name: str, table: pd.DataFrame, up_to: bool, sampled: bool) -> None:
    column = "norm" if sampled and up_to else "norm_share" if sampled else "share"
    label = f"{name}: single paths, sampled" if sampled else f"{name}: all paths together"
    look = by_unit.look(name, width=1.5 if sampled else 3)
    if sampled:
        look["line"]["dash"] = "dot"
        look["marker"]["symbol"] += "-open"
    fig.add_scatter(
        x=table["length"],
        y=table[f"{column}_up_to" if up_to else column],
        name=label,
        customdata=table[["norm", "norm_sd", "together"]],
        hovertemplate=f"<b>{label}</b><br>length %{{x}}: %{{y:.3g}} %<br>norm of one path "
        "%{customdata[0]:.3g} ± %{customdata[1]:.3g}, of their sum %{customdata[2]:.3g}<extra></extra>",
        row=2,
        col=1,
        **look,
    )


def _two_plots(template: Template, height: int) -> go.Figure:
    figure = style.figure(template, height=height)
    fig = make_subplots(rows=2, cols=1, figure=figure, shared_xaxes=True, vertical_spacing=0.07)
    by_unit.legend(fig)
    return fig


def _in_decades(fig: go.Figure, row: int) -> None:
    """Ticks in powers of ten for what is drawn in a row."""
    axis = "y" if row == 1 else "y2"
    values = np.concatenate([[], *(trace.y for trace in fig.data if trace.yaxis == axis)])
    values = values[np.isfinite(values)]
    if len(values):
        low, high = np.log10(values.min()) - 0.1, np.log10(values.max()) + 0.1
        exponents, names = decades(low, high)
        ticks = {"tickvals": [10**n for n in exponents], "ticktext": names}
        fig.update_yaxes(range=[low, high], row=row, col=1, **ticks)
