"""Depth × step heatmaps of layer norms: where in the net, and when, the gradient dies or explodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from resnet_edu.charts import style
from resnet_edu.charts.labels import decades, layer_ticks, whole_numbers
from resnet_edu.charts.layers import NORMS, check_norm, positive
from resnet_edu.charts.style import Template

_COLUMNS = 300  # recorded steps drawn at most: a screen shows no more
_MISSING = "rgba(128,128,128,0.35)"  # behind the cells, so that a cell without a number is grey

Bounds = tuple[float | None, float | None]


def gradient_heatmap(
    layers: pd.DataFrame,
    *,
    title: str = "",
    norm: str = "gradient",
    zmin: float | None = None,
    zmax: float | None = None,
    log_steps: bool = False,
    template: Template = "light",
) -> go.Figure:
    """Depth × step heatmap of one norm. Columns are at the recorded steps, so their widths differ.

    - `layers`: step, layer (0 is nearest the input), and L2 norms. A norm that is 0 or not finite is grey; a
      line marks the first step with one that is not finite.
    - `title`: above the plot.
    - `norm`: "gradient", "weight" or "update".
    - `zmin`, `zmax`: colours span 10^zmin … 10^zmax; by default the table's range without its outermost
      0.1 %.
    - `log_steps`: shows early steps wider.
    - `template`: "light" or "dark", as the page is.
    """
    return _draw([title], [layers], norm, (zmin, zmax), log_steps, template)


def twin_heatmaps(
    plain_layers: pd.DataFrame,
    residual_layers: pd.DataFrame,
    *,
    titles: tuple[str, str] = ("plain", "residual"),
    norm: str = "gradient",
    log_steps: bool = False,
    template: Template = "light",
) -> go.Figure:
    """Both twins side by side as in `gradient_heatmap`, with one colour scale for both."""
    return _draw(titles, [plain_layers, residual_layers], norm, (None, None), log_steps, template)


def _draw(
    titles: Sequence[str],
    tables: Sequence[pd.DataFrame],
    norm: str,
    bounds: Bounds,
    log_steps: bool,
    template: Template,
) -> go.Figure:
    check_norm(norm)
    grids = [_grid(table, norm) for table in tables]
    plots = {"rows": 1, "cols": len(grids), "subplot_titles": titles}
    fig = make_subplots(figure=style.figure(template), shared_yaxes=True, horizontal_spacing=0.04, **plots)
    fig.update_annotations(font_size=style.TITLE)
    fig.update_layout(
        coloraxis=_colours(grids, bounds, norm), margin_t=60 if any(titles) else 30, plot_bgcolor=_MISSING
    )
    _label_layers(fig, max(len(grid) for grid in grids))
    for column, grid in enumerate(grids, start=1):
        _draw_grid(fig, grid, norm, log_steps, row=1, col=column)
    if len(grids) > 1:
        fig.update_xaxes(nticks=4)
        for label, title in zip(fig.layout.annotations, titles, strict=False):
            label.font.color = style.text_colour(style.net_of(title), template)
    return fig


def _grid(table: pd.DataFrame, norm: str) -> pd.DataFrame:
    """Norms with a row per layer, counted from 1, and a column per recorded step."""
    rows = table.drop_duplicates(["layer", "step"], keep="last")
    grid = rows.pivot(index="layer", columns="step", values=norm)
    grid.index += 1
    if grid.shape[1] > _COLUMNS:
        grid = grid.iloc[:, np.linspace(0, grid.shape[1] - 1, _COLUMNS).astype(int)]
    return grid


def _draw_grid(fig: go.Figure, grid: pd.DataFrame, norm: str, log_steps: bool, **where: int) -> None:
    if grid.empty:
        fig.add_heatmap(z=[[None]], x=[0], y=[1], coloraxis="coloraxis", hoverinfo="skip", **where)
        fig.update_xaxes(title_text="training step", **where)
        style.note(fig, "no steps recorded yet", **where)
        return
    steps = np.asarray(grid.columns, dtype=float)
    first = int(log_steps and steps[0] == 0)  # a log axis has no 0, so there steps count from 1
    values = grid.to_numpy(dtype=float)
    fig.add_heatmap(
        x=steps + first,
        y=grid.index,
        z=np.log10(positive(values)).astype(np.float32),
        coloraxis="coloraxis",
        hovertemplate=f"layer %{{y}}, step %{{x:,}}<br>{NORMS[norm]} 10<sup>%{{z:.2f}}</sup><extra></extra>",
        **where,
    )
    _scale_steps(fig, steps + first, log_steps, first, where)
    broken = np.flatnonzero(~np.isfinite(values).all(axis=0))
    if len(broken):
        _mark_break(fig, steps, int(broken[0]), first, log_steps, where)


def _mark_break(
    fig: go.Figure, steps: np.ndarray, at: int, first: int, log: bool, where: dict[str, int]
) -> None:
    """A line on the edge between the last finite column and the first that is not."""
    edge = steps[max(at - 1, 0) : at + 1].mean() + first
    fig.add_vline(x=edge, line={"color": "white", "width": 2}, **where)
    fig.add_annotation(
        text=f"not finite from step {steps[at]:,.0f}",
        x=math.log10(edge) if log else edge,  # shapes take values on a log axis, annotations exponents
        y=1,
        yref="y domain",
        xanchor="right" if at > len(steps) / 2 else "left",
        yanchor="top",
        showarrow=False,
        bgcolor="black",
        font={"color": "white", "size": style.TICK},
        **where,
    )


def _scale_steps(fig: go.Figure, steps: np.ndarray, log: bool, first: int, where: dict[str, int]) -> None:
    low, high = (steps[0], steps[-1]) if len(steps) > 1 else (steps[0] - 0.5, steps[0] + 0.5)
    title = "training step" + (" + 1" if first else "") + (" (log scale)" if log else "")
    if log:
        low, high = math.log10(low), math.log10(high)
    kind = {"type": "log", "dtick": 1} if log else whole_numbers(high - low)
    fig.update_xaxes(title_text=title, range=[low, high], showgrid=False, **kind, **where)


def _label_layers(fig: go.Figure, layers: int) -> None:
    """The input side on top, as He 2015 Fig. 3 draws nets."""
    ticks, names = layer_ticks(max(layers, 1))
    fig.update_yaxes(range=[max(layers, 1) + 0.5, 0.5], tickvals=ticks, ticktext=names, showgrid=False)
    fig.update_yaxes(title_text="layer", col=1)


def _colours(grids: list[pd.DataFrame], bounds: Bounds, norm: str) -> dict[str, Any]:
    values = np.concatenate([positive(grid.to_numpy(dtype=float)).ravel() for grid in grids])
    exponents = np.log10(values[np.isfinite(values)])
    low, high = np.quantile(exponents, [0.001, 0.999]) if len(exponents) else (-3.0, 0.0)
    low, high = (
        given if given is not None else found for given, found in zip(bounds, (low, high), strict=True)
    )
    if high - low < 0.2:
        low, high = low - 0.1, high + 0.1
    ticks, names = decades(low, high)
    title = {"text": NORMS[norm], "side": "right", "font_size": style.FONT}
    bar = {"title": title, "tickvals": ticks, "ticktext": names, "tickfont_size": style.TICK, "thickness": 22}
    return {"colorscale": style.SCALE, "cmin": low, "cmax": high, "colorbar": bar}
