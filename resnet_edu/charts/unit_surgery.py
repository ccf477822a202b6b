"""Twins as two lines of units, one below the other, to click on; what was done to a unit is marked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from resnet_edu.anatomy import full_label
from resnet_edu.charts import style
from resnet_edu.charts.style import Template

_ROWS = {"plain": 1.0, "residual": 0.0}
_WIDE = 1000  # px, about what a page gives; more units get smaller boxes
_CURVE = np.linspace(0, np.pi, 21)


def lesion_bench(
    units: Sequence[str],
    titles: Mapping[str, str],
    *,
    deleted: Collection[str] = (),
    frozen: Collection[str] = (),
    swapped: Mapping[str, str] = {},
    picked: str = "",
    template: Template = "light",
) -> go.Figure:
    """Both nets' units as boxes. A box has its unit's name as `customdata`, for clicks.

    - `units`: names, in order.
    - `titles`: of "plain" and "residual".
    - `deleted`: drawn as empty boxes; the shortcut around them stays, and in a plain net the line itself.
    - `frozen`: pale, with a snowflake.
    - `swapped`: place → the unit that is there now; the box shows its number, from 1.
    - `picked`: has a frame.
    - `template`: "light" or "dark", as the page is.
    """
    fig = style.figure(template, height=230)
    fig.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 30})
    fig.update_xaxes(visible=False, range=[-0.16 * len(units) - 0.5, len(units)], fixedrange=True)
    fig.update_yaxes(visible=False, range=[-0.45, 1.75], fixedrange=True)
    for net, y in _ROWS.items():
        _line(fig, len(units), y, net, template)
        _boxes(fig, units, y, net, titles[net], (deleted, frozen, swapped, picked), template)
        colour = style.text_colour(net, template)
        fig.add_annotation(
            x=-0.7, y=y, text=f"<b>{titles[net]}</b>", showarrow=False, xanchor="right", font_color=colour
        )
    _stages(fig, units)
    return fig


def _line(fig: go.Figure, count: int, y: float, net: str, template: Template) -> None:
    """The line of the data from left to right; around every residual unit, its shortcut."""
    ink, colour = style.ink(template), style.text_colour(net, template)
    fig.add_scatter(
        x=[-0.6, count - 0.4], y=[y, y], mode="lines", line={"color": ink, "width": 2}, hoverinfo="skip"
    )
    if net == "residual":
        arc_x, arc_y = -np.cos(_CURVE) / 2, 0.55 * np.sin(_CURVE) ** 0.5
        x = np.concatenate([[*(i + arc_x), np.nan] for i in range(count)])
        line = {"color": colour, "width": 2}
        fig.add_scatter(
            x=x, y=np.tile([*(y + arc_y), np.nan], count), mode="lines", line=line, hoverinfo="skip"
        )


def _boxes(
    fig: go.Figure,
    units: Sequence[str],
    y: float,
    net: str,
    title: str,
    changes: tuple[Collection[str], Collection[str], Mapping[str, str], str],
    template: Template,
) -> None:
    deleted, frozen, swapped, picked = changes
    colour = style.COLOURS[net]
    # The line runs on through a deleted plain unit; a residual one leaves the shortcut alone.
    empty = "rgba(0,0,0,0)" if net == "plain" else style.ground(template)
    fills = dict.fromkeys(frozen, style.band(colour, 0.25)) | dict.fromkeys(deleted, empty)
    numbers = {name: str(at) for at, name in enumerate(units, start=1)}
    replaced = {name: numbers[other] for name, other in swapped.items()}
    signs = dict.fromkeys(frozen, "❄") | dict.fromkeys(deleted, "") | replaced
    states = dict.fromkeys(frozen, "with its initial weights") | dict.fromkeys(deleted, "deleted")
    states |= {name: f"unit {number} is here" for name, number in replaced.items()}
    same = {"marker": {"opacity": 1}}
    fig.add_scatter(
        x=list(range(len(units))),
        y=[y] * len(units),
        mode="markers+text",
        marker={
            "symbol": "square",
            "size": min(30.0, 0.75 * _WIDE / len(units)),
            "opacity": 1,
            "color": [fills.get(name, colour) for name in units],
            "line": {
                "color": [style.ink(template) if name == picked else colour for name in units],
                "width": [5 if name == picked else 2 for name in units],
            },
        },
        text=[signs.get(name, "") for name in units],
        textfont={
            "color": [style.ink(template) if name in fills else "white" for name in units],
            "size": style.TICK,
        },
        customdata=[[name] for name in units],
        hovertext=[
            f"<b>{title}, unit {numbers[name]}</b><br>{full_label(name)}<br>{states.get(name, 'as trained')}"
            for name in units
        ],
        hoverinfo="text",
        selected=same,
        unselected=same,
    )


def _stages(fig: go.Figure, units: Sequence[str]) -> None:
    """Below the boxes, where each stage begins."""
    first = {name.split(".")[1]: at for at, name in reversed(list(enumerate(units)))}
    for stage, at in first.items():
        text = f"stage {int(stage) + 1}"
        fig.add_annotation(x=at - 0.5, y=-0.42, text=text, showarrow=False, xanchor="left", yanchor="top")
        if at:
            line = {"color": "rgba(128,128,128,0.6)", "width": 1, "dash": "dot"}
            fig.add_shape(type="line", x0=at - 0.5, x1=at - 0.5, y0=-0.4, y1=1.6, line=line)
