"""The loss around trained twins: planes as maps with one colour scale, lines in one plot.

Heights as colours and not in three dimensions: a hill in front hides the valley behind it, and two hills
side by side cannot be compared by height.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from resnet_edu.charts import style
from resnet_edu.charts.labels import decades
from resnet_edu.charts.layers import positive
from resnet_edu.charts.style import Template

Answer = tuple[Mapping[str, Any], Mapping[str, np.ndarray]]

TOP = 100.0  # nats; guessing among ten classes is 2.3, so nothing is to be learnt from heights beyond
_MISSING = "rgba(128,128,128,0.35)"
_STEP = "step along a random direction (1: each filter moves by its own norm)"
_WAY = "share of the way from the initial weights (0) to the trained ones (1)"


def loss_planes(planes: Mapping[str, Answer], *, template: Template = "light") -> go.Figure:
    """`planes` has facts and arrays of the probe `loss_plane` by names such as 'plain-56', side by side.

    Colours are log10 of the training loss, the same for all, with a line at every half power of ten. They
    end at 100 nats: points above have the last colour, and the text below the map counts them. A loss that
    is not finite is grey. A cross marks the trained weights. A step of 1 moves each filter by its own norm.
    """
    fig = make_subplots(
        1,
        len(planes),
        figure=style.figure(template, height=560),
        subplot_titles=list(planes),
        horizontal_spacing=0.07,
    )
    for label, name in zip(fig.layout.annotations, planes, strict=True):
        colour = style.text_colour(style.net_of(name), template)
        label.update(text=f"<b>{name}</b>", font={"size": style.TITLE, "color": colour})
    losses = [positive(arrays["loss"].astype(float)) for _, arrays in planes.values()]
    scale = _scale(losses)
    for column, (loss, (facts, arrays)) in enumerate(zip(losses, planes.values(), strict=True), start=1):
        _draw_plane(fig, facts, arrays, loss, scale, column)
    fig.update_layout(coloraxis=scale, margin={"t": 60, "b": 150}, plot_bgcolor=_MISSING)
    return fig


def _draw_plane(
    fig: go.Figure,
    facts: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    loss: np.ndarray,
    scale: dict[str, Any],
    column: int,
) -> None:
    at, where = arrays["at"], {"row": 1, "col": column}
    fig.add_contour(
        x=at,
        y=at,
        z=np.log10(np.minimum(loss, TOP)).round(4),
        customdata=np.stack([loss, arrays["error"]], axis=-1),
        coloraxis="coloraxis",
        contours={"coloring": "heatmap", "start": np.floor(scale["cmin"]), "end": scale["cmax"], "size": 0.5},
        line={"color": "rgba(255,255,255,0.55)", "width": 1},
        hovertemplate=(
            "α %{x:.3g}, β %{y:.3g}<br>training loss %{customdata[0]:.3g} nats"
            "<br>training error %{customdata[1]:.1f} %<extra></extra>"
        ),
        **where,
    )
    cross = {"symbol": "x-thin", "size": 14, "line": {"color": "white", "width": 3}}
    fig.add_scatter(x=[0], y=[0], mode="markers", marker=cross, hoverinfo="skip", **where)
    ends = [float(at[0]), float(at[-1])]
    titles = {"text": f"α, steps of the filters’ norms<br>{_told(facts, loss)}", "font_size": style.TICK}
    fig.update_xaxes(
        range=ends, title=titles, title_standoff=8, constrain="domain", nticks=6, showgrid=False, **where
    )
    anchor = f"x{column}" if column > 1 else "x"
    fig.update_yaxes(range=ends, scaleanchor=anchor, constrain="domain", nticks=6, showgrid=False, **where)
    if column == 1:
        fig.update_yaxes(title={"text": "β, steps of the filters’ norms", "font_size": style.TICK}, **where)


def _told(facts: Mapping[str, Any], loss: np.ndarray) -> str:
    here = f"trained weights: {facts['centre_loss']:.3g} nats, {facts['centre_error']:.1f} % error"
    parts = [_how(facts), here]
    if above := int((loss > TOP).sum()):
        parts.append(f"{100 * above / loss.size:.3g} % above {TOP:g} nats, up to {_rough(np.nanmax(loss))}")
    if broken := int(np.isnan(loss).sum()):
        parts.append(f"{broken} of {loss.size} points not finite")
    return "<br>".join(parts)


def _how(facts: Mapping[str, Any]) -> str:
    return f"{facts['images']:,} training images, {facts['statistics']} statistics"


def _rough(value: float) -> str:
    """One digit: 4821.3 as '5·10³'."""
    exponent = int(np.floor(np.log10(value)))
    return f"{value:.0f}" if exponent < 3 else f"{value / 10**exponent:.0f}·10<sup>{exponent}</sup>"


def _scale(losses: list[np.ndarray]) -> dict[str, Any]:
    values = np.concatenate([loss.ravel() for loss in losses])
    values = values[np.isfinite(values)]
    if not len(values):
        values = np.array([1.0, 10.0])
    low, high = np.log10(values.min()), np.log10(min(values.max(), TOP))
    if high - low < 0.2:
        low, high = low - 0.1, high + 0.1
    ticks, names = decades(low, high)
    if values.max() > TOP:
        ticks, names = _with_end(ticks, names, high)
    title = {"text": "training loss (nats)", "side": "right", "font_size": style.FONT}
    bar = {"title": title, "tickvals": ticks, "ticktext": names, "tickfont_size": style.TICK, "thickness": 22}
    return {"colorscale": style.SCALE, "cmin": low, "cmax": high, "colorbar": bar}


def _with_end(ticks: list[float], names: list[str], high: float) -> tuple[list[float], list[str]]:
    """The last tick reads "≥ 100": all higher losses have its colour."""
    kept = [(tick, name) for tick, name in zip(ticks, names, strict=True) if tick < high - 0.1]
    return [*(tick for tick, _ in kept), high], [*(name for _, name in kept), f"≥ {TOP:g}"]


def loss_lines(lines: Mapping[str, Answer], *, template: Template = "light") -> go.Figure:
    """`lines` has facts and arrays of `loss_line` or of `loss_interpolation` by names such as 'plain-56':
    training loss on a log scale above, training error below. A loss that is not finite leaves a gap, and
    the legend counts them."""
    fig = make_subplots(
        2, 1, figure=style.figure(template, height=640), shared_xaxes=True, vertical_spacing=0.06
    )
    for name, (_, arrays) in lines.items():
        loss = positive(arrays["loss"].astype(float))
        gaps = int(np.isnan(loss).sum())
        label = name + (f" ({gaps} of {len(loss)} points not finite)" if gaps else "")
        _draw_line(fig, name, label, arrays["at"], loss, "training loss %{y:.3g} nats", row=1)
        _draw_line(fig, name, label, arrays["at"], arrays["error"], "training error %{y:.1f} %", row=2)
    for facts, _ in list(lines.values())[:1]:
        told = f"{_WAY if 'start' in facts else _STEP}<br>{_how(facts)}"
        fig.update_xaxes(title={"text": told, "font_size": style.TICK}, row=2)
    fig.update_yaxes(title_text="training loss (nats)", type="log", row=1)
    fig.update_yaxes(title_text="training error (%)", range=[-3, 103], row=2)
    _loss_ticks(fig)
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    fig.update_layout(showlegend=True, legend=legend, margin_t=60)
    return fig


def _loss_ticks(fig: go.Figure) -> None:
    values = np.concatenate([np.asarray(trace.y, float) for trace in fig.data if trace.yaxis == "y"])
    exponents = np.log10(values[np.isfinite(values)])
    if len(exponents):
        low, high = exponents.min() - 0.1, exponents.max() + 0.1
        places, names = decades(low, high)
        fig.update_yaxes(range=[low, high], tickvals=[10**n for n in places], ticktext=names, row=1)


def _draw_line(
    fig: go.Figure, name: str, label: str, at: np.ndarray, values: np.ndarray, words: str, *, row: int
) -> None:
    net = style.net_of(name)
    fig.add_scatter(
        x=at,
        y=values,
        mode="lines",
        name=label,
        legendgroup=name,
        showlegend=row == 1,
        line={"color": style.COLOURS[net], "dash": style.DASHES[net], "width": 2.5},
        hovertemplate=f"<b>{name}</b> at %{{x:.3g}}<br>{words}<extra></extra>",
        row=row,
        col=1,
    )
