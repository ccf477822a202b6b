"""Norms per layer: at one step as lines, over all steps as heatmaps. Always on a log scale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from resnet_edu.anatomy import full_label
from resnet_edu.charts import style
from resnet_edu.charts.labels import decades, layer_ticks
from resnet_edu.charts.style import Template

NORMS = {
    "gradient": "gradient norm (L2)",
    "weight": "weight norm (L2)",
    "update": "update norm (L2)",
}


def layer_norms(
    layers: Mapping[str, pd.DataFrame], step: int, *, norm: str = "gradient", template: Template = "light"
) -> go.Figure:
    """`layers` has a table per net, by names such as 'plain-56' and 'resnet-56': step, layer (0 is
    nearest the input) and the L2 norms of NORMS. Each net is drawn at its last recorded step up to
    `step` (at its first, if all are later), and the legend says at which.

    A norm that is 0, NaN or infinite has no place on a log axis: it leaves a gap, and the legend counts them.
    """
    check_norm(norm)
    fig = style.figure(template)
    fig.update_xaxes(title_text="layer")
    fig.update_yaxes(title_text=NORMS[norm], type="log")
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    fig.update_layout(showlegend=True, legend=legend, margin_t=70, margin_r=60)
    drawn = {name: table for name, table in layers.items() if len(table)}
    for name, table in drawn.items():
        _draw_layers(fig, name, table, step, norm)
    if not drawn:
        return style.note(fig, "no steps recorded yet")
    _scale(fig, max(int(table["layer"].max()) + 1 for table in drawn.values()))
    return fig


def _draw_layers(fig: go.Figure, name: str, table: pd.DataFrame, step: int, norm: str) -> None:
    recorded = table["step"].unique()
    at = max((s for s in recorded if s <= step), default=min(recorded))
    rows = table[table["step"] == at].sort_values("layer")
    values = positive(rows[norm].to_numpy(dtype=float))
    gaps = int(np.isnan(values).sum())
    net = style.net_of(name)
    fig.add_scatter(
        x=rows["layer"] + 1,
        y=values,
        mode="lines+markers",
        name=f"{name}, step {at:,}" + (f" ({gaps} of {len(rows)} layers 0 or not finite)" if gaps else ""),
        line={"color": style.COLOURS[net], "dash": style.DASHES[net], "width": 2.5},
        marker={"symbol": style.SYMBOLS[net], "size": 8},
        customdata=[[full_label(each)] for each in rows["name"]],
        hovertemplate=(
            f"<b>{name}, layer %{{x}}</b>: %{{customdata[0]}}<br>"
            f"{NORMS[norm]} %{{y:.3g}} at step {at:,}<extra></extra>"
        ),
    )


def _scale(fig: go.Figure, count: int) -> None:
    ticks, names = layer_ticks(count)
    fig.update_xaxes(range=[0.5, count + 0.5], tickvals=ticks, ticktext=names)
    values = np.concatenate([trace.y for trace in fig.data])
    exponents = np.log10(values[~np.isnan(values)])
    if len(exponents):
        low, high = exponents.min() - 0.2, exponents.max() + 0.2
        places, names = decades(low, high)
        fig.update_yaxes(range=[low, high], tickvals=[10**n for n in places], ticktext=names)


def positive(values: np.ndarray) -> np.ndarray:
    """The values with NaN for what a log scale cannot show: zero, negative, infinite."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def check_norm(norm: str) -> None:
    if norm not in NORMS:
        raise ValueError(f"norm is {norm!r}; allowed: {', '.join(NORMS)}")
