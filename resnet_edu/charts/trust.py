"""Figures about saliency maps: randomised weights, shattered gradients, shares of units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from resnet_edu.anatomy import full_label
from resnet_edu.charts import style
from resnet_edu.charts.labels import layer_ticks
from resnet_edu.charts.style import Template

Values = Sequence[float] | np.ndarray


def sanity_curves(
    correlations: Mapping[str, np.ndarray],
    after: Sequence[str],
    parts: Sequence[str],
    *,
    template: Template = "light",
) -> go.Figure:
    """Rank correlations of the probe `sanity` (Adebayo 2018 §3.1). A point is a repeat, the line their mean.

    - `correlations`: by net, [repeats, stages].
    - `after`: the part that each stage randomised last.
    - `parts`: all parts, in the order in which they are randomised.
    - `template`: "light" or "dark", as the page is.
    """
    fig = style.figure(template, height=380)
    share = "parts with new random weights, from the head down (%)"
    fig.update_xaxes(title_text=share, range=[-3, 103])
    fig.update_yaxes(title_text="rank correlation<br>with the trained map", range=[-1.08, 1.08], dtick=0.5)
    fig.add_hline(y=0, line={"color": style.ink(template), "width": 1})
    x = np.array([0, *(100 * (parts.index(part) + 1) / len(parts) for part in after)])
    words = ["nothing", *map(full_label, after)]
    for name, values in correlations.items():
        rows = np.hstack([np.ones((len(values), 1)), values])
        _points(fig, name, np.tile(x, len(rows)), rows.ravel(), words * len(rows))
        _line(fig, name, x, _means(rows), words, "down to %{text}: %{y:.2f}")
    _legend(fig)
    return fig


def shattered_gradients(table: pd.DataFrame, *, template: Template = "light") -> go.Figure:
    """`table`: net ('plain' or 'residual'), depth, moment, mean, sd: the cosine of the gradients at an
    image and beside it (Balduzzi 2017 §2), over images. Thin lines: before training."""
    fig = style.figure(template, height=400)
    fig.update_xaxes(title_text="layers", tickvals=sorted(table["depth"].unique()))
    fig.update_yaxes(title_text="cosine of the gradients<br>at nearby images", range=[-0.15, 1.08])
    for (net, moment), rows in table.groupby(["net", "moment"], sort=False):
        rows = rows.sort_values("depth")
        start = moment == "before training"
        bars = {"type": "data", "array": rows["sd"], "visible": True, "width": 6, "thickness": 1.5}
        _line(
            fig,
            f"{net}, {moment}",
            rows["depth"].to_numpy(),
            rows["mean"].to_numpy(),
            [moment] * len(rows),
            "%{x} layers, %{text}: %{y:.2f}",
            width=1.5 if start else 3.5,
            error_y=bars,
        )
    _legend(fig)
    return fig


def unit_shares(answers: Mapping[str, Mapping[str, Any]], *, template: Template = "light") -> go.Figure:
    """By net: `branch` and `shortcut` [units] in points of the score, and `difference`, their sum in every
    unit (Dhamdhere 2018 §3). Drawn: what comes through the branch, in % of the difference."""
    fig = style.figure(template, height=380)
    count = max(len(answer["branch"]) for answer in answers.values())
    ticks, names = layer_ticks(count)
    fig.update_xaxes(title_text="unit (1 is nearest the image)", tickvals=ticks, ticktext=names)
    fig.update_yaxes(title_text="of the score, through<br>this unit's branch (%)")
    for name, answer in answers.items():
        share = 100 * answer["branch"] / answer["difference"]
        x = np.arange(1, len(share) + 1)
        _line(fig, name, x, share, [*map(full_label, answer["units"])], "unit %{x}: %{y:.1f} %<br>%{text}")
    _legend(fig)
    return fig


def _means(rows: np.ndarray) -> np.ndarray:
    """Each column's mean over its finite values; NaN where there are none."""
    known = np.isfinite(rows)
    total, count = np.where(known, rows, 0).sum(axis=0), known.sum(axis=0)
    means = np.full(rows.shape[1], np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means


def _points(fig: go.Figure, name: str, x: Values, y: Values, words: Sequence[str]) -> None:
    net = style.net_of(name)
    marker = {"symbol": style.SYMBOLS[net], "size": 7, "color": style.COLOURS[net], "opacity": 0.5}
    fig.add_scatter(x=x, y=y, mode="markers", marker=marker, text=words, hoverinfo="skip", showlegend=False)


def _line(
    fig: go.Figure,
    name: str,
    x: Values,
    y: Values,
    words: Sequence[str],
    hover: str,
    *,
    width: float = 3.5,
    **more: Any,
) -> None:
    net = style.net_of(name)
    fig.add_scatter(
        x=x,
        y=y,
        name=name,
        mode="lines+markers",
        line={"color": style.COLOURS[net], "dash": style.DASHES[net], "width": width},
        marker={"symbol": style.SYMBOLS[net], "size": 9},
        text=words,
        hovertemplate=f"{name}, {hover}<extra></extra>",
        **more,
    )


def _legend(fig: go.Figure) -> None:
    place = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    fig.update_layout(showlegend=True, legend=place, margin_t=60)
