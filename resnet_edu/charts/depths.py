"""Error against depth, where degradation is seen: plain nets rise, their residual twins do not (or do)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from resnet_edu.charts import style
from resnet_edu.charts.labels import spread
from resnet_edu.charts.style import Template

_TITLES = {
    "train_error": "training error (%)",
    "train_error_batch": "training error, batch statistics (%)",
    "test_error": "test error (%)",
}
_APART = {"plain": 0.985, "residual": 1.015}  # twins share a depth: one left of it, one right


def error_by_depth(
    measured: pd.DataFrame,
    which: str = "train_error",
    *,
    chance: float | None = None,
    template: Template = "light",
) -> go.Figure:
    """`measured` is a study's table: depth, net, seed, state, and errors in % by the name `which`.

    A point is a run: filled when it is done, a cross when it diverged, hollow while it has not ended.
    Line and band are the mean ± sd over the seeds that ended. `chance`, in %, is drawn as a dotted line.
    Raises `ValueError` for an unknown `which`.
    """
    if which not in _TITLES:
        raise ValueError(f"which is {which!r}; allowed: {', '.join(_TITLES)}")
    fig = style.figure(template)
    fig.update_xaxes(title_text="depth (weighted layers)", type="log")
    fig.update_yaxes(title_text=_TITLES[which], rangemode="tozero")
    seen = measured[np.isfinite(measured[which].astype(float))]
    if seen.empty:
        return style.note(fig, "no error measured yet")
    _set_range(fig, measured["depth"], max(seen[which].max(), chance or 0))
    if chance is not None:
        _draw_chance(fig, chance, style.ink(template))
    labels = {}
    for net, runs in seen.groupby("net"):
        ended = runs[runs["state"].isin(("done", "diverged"))]
        by_depth = ended.groupby("depth")[which].agg(["mean", "std", "size"]).reset_index()
        if len(by_depth):
            _draw_mean(fig, net, by_depth)
            labels[net] = (by_depth["mean"].iloc[-1], f"{_spread(*by_depth.iloc[-1][['mean', 'std']])} %")
        else:
            labels[net] = (runs.sort_values("depth")[which].iloc[-1], "not ended yet")
        _draw_runs(fig, net, runs, which, style.ink(template))
    _label(fig, labels, template)
    return fig


def _spread(mean: float, sd: float) -> str:
    return f"{mean:.1f}" if math.isnan(sd) else f"{mean:.1f} ± {sd:.1f}"


def _draw_chance(fig: go.Figure, chance: float, ink: str) -> None:
    fig.add_hline(y=chance, line={"dash": "dot", "width": 1.5, "color": ink}, opacity=0.6)
    text = {"text": f"chance {chance:g} %", "font_size": style.TICK, "xanchor": "left", "showarrow": False}
    fig.add_annotation(x=0, xref="paper", y=chance, yshift=12, **text)


def _set_range(fig: go.Figure, depths: pd.Series, top: float) -> None:
    ticks = sorted(depths.unique())
    edges = np.log10([ticks[0] / 1.1, ticks[-1] * 1.1])
    fig.update_xaxes(tickvals=ticks, range=edges.tolist(), showgrid=False)
    top = max(1.0, 1.08 * float(top))
    fig.update_yaxes(range=[-0.03 * top, top])
    fig.update_layout(margin_r=165)


def _draw_mean(fig: go.Figure, net: str, by_depth: pd.DataFrame) -> None:
    colour = style.COLOURS[net]
    x = by_depth["depth"] * _APART[net]
    sd = by_depth["std"].fillna(0)
    if (sd > 0).any():
        low, high = (by_depth["mean"] - sd).clip(lower=0), by_depth["mean"] + sd
        fig.add_scatter(
            x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", mode="lines", line_width=0,
            fillcolor=style.band(colour, 0.18), hoverinfo="skip",
        )  # fmt: skip
    fig.add_scatter(
        x=x,
        y=by_depth["mean"],
        mode="lines",
        name=net,
        line={"color": colour, "dash": style.DASHES[net], "width": 4},
        text=[
            f"<b>{net}, {depth} layers</b><br>{_spread(mean, sd)} % (mean ± sd of {runs} runs)"
            for depth, mean, sd, runs in by_depth.itertuples(index=False)
        ],
        hovertemplate="%{text}<extra></extra>",
    )


def _draw_runs(fig: go.Figure, net: str, runs: pd.DataFrame, which: str, ink: str) -> None:
    symbols = {"done": style.SYMBOLS[net], "diverged": "x"}
    fig.add_scatter(
        x=runs["depth"] * _APART[net],
        y=runs[which],
        mode="markers",
        name=f"{net}, runs",
        marker={
            "color": style.COLOURS[net],
            "size": 11,
            "opacity": 0.9,
            "symbol": [symbols.get(state, f"{style.SYMBOLS[net]}-open") for state in runs["state"]],
            "line": {
                "width": 1.5,
                "color": [ink if state == "diverged" else style.COLOURS[net] for state in runs["state"]],
            },
        },
        customdata=runs[["depth", "seed", "step", "state"]],
        hovertemplate=(
            f"<b>{net}, %{{customdata[0]}} layers, seed %{{customdata[1]}}</b><br>%{{y:.2f}} % after "
            "%{customdata[2]:,} steps (%{customdata[3]})<extra></extra>"
        ),
    )


def _label(fig: go.Figure, labels: dict[str, tuple[float, str]], template: Template) -> None:
    """Each net's name with mean ± sd of its deepest runs, on their right."""
    low, high = fig.layout.yaxis.range
    places = spread([y for y, _ in labels.values()], 0.16 * (high - low), high)
    for (net, (_, text)), y in zip(labels.items(), places, strict=True):
        font = {"color": style.text_colour(net, template), "size": style.FONT}
        place = {"x": 1.01, "xref": "paper", "y": y, "xanchor": "left", "align": "left"}
        fig.add_annotation(text=f"<b>{net}</b><br>{text}", font=font, showarrow=False, **place)
