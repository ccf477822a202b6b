"""A net drawn from `anatomy.graph`: units as boxes in the order of the data, skips as arcs around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from resnet_edu.anatomy import full_label
from resnet_edu.charts import style
from resnet_edu.charts.style import Template

Graph = Mapping[str, Any]
Node = Mapping[str, Any]
Place = tuple[float, float]

_ROOMS = {12: 26, 20: 20, 40: 10}  # units that a line has room for, and the side of a box in px
_LINE, _HEAD = 48, 26  # px: height of a line, and of the words above a stage
_RISE = 24  # px
_CURVE = np.linspace(0, math.pi, 9)


def net_drawing(graph: Graph, *, chosen: str = "", template: Template = "light") -> go.Figure:
    """The whole net, read like a page: from the image at the top to the logits, one paragraph per stage.

    Every box has its node's id as `customdata`, for clicks; the box of `chosen` has a frame. Solid arcs carry
    the input unchanged; dotted ones change its size, gate, scale or drop it.
    """
    net = "plain" if graph["plain"] else "residual"
    room = _room(graph["nodes"])
    places = _places(graph["nodes"], room)
    lowest = min(y for _, y in places.values()) - _LINE / 2
    fig = style.figure(template, height=int(-lowest) + 10)
    fig.update_layout(margin={"l": 8, "r": 8, "t": 4, "b": 4}, hovermode="closest")
    fig.update_xaxes(visible=False, range=[-0.02 * room, 1.02 * room], fixedrange=True)
    fig.update_yaxes(visible=False, range=[lowest, 0], fixedrange=True)
    _draw_edges(fig, graph["edges"], places, net, template)
    _draw_boxes(fig, graph["nodes"], places, chosen, _ROOMS[room], net, template)
    for text, (x, y) in _captions(graph["nodes"], places):
        fig.add_annotation(x=x, y=y, text=text, showarrow=False, xanchor="left", font_size=style.TICK)
    return fig


def _paragraphs(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Stem, the units of each stage, and pooling with head."""
    groups: dict[Any, list[Node]] = {}
    for node in nodes:
        key = {"stem": "stem", "unit": node["stage"]}.get(node["kind"], "head")
        groups.setdefault(key, []).append(node)
    yield from groups.values()


def _room(nodes: Sequence[Node]) -> int:
    longest = max(len(group) for group in _paragraphs(nodes))
    return next((room for room in _ROOMS if longest <= room), max(_ROOMS))


def _places(nodes: Sequence[Node], room: int) -> dict[str, Place]:
    """id → middle of its box: x in boxes, y in px."""
    places, y = {}, 0.0
    for group in _paragraphs(nodes):
        y -= _HEAD * (group[0]["kind"] == "unit")
        for at, node in enumerate(group):
            places[node["id"]] = at % room + 0.5, y - (at // room + 0.5) * _LINE
        y -= -(-len(group) // room) * _LINE
    return places


def _captions(nodes: Sequence[Node], places: Mapping[str, Place]) -> Iterator[tuple[str, Place]]:
    """Words above a stage, and behind stem and head."""
    for group in _paragraphs(nodes):
        first, (x, y) = group[0], places[group[-1]["id"]]
        shape = shape_words(group[-1]["shape"])
        if first["kind"] == "unit":
            said = f"stage {first['stage'] + 1}: {_units(len(group))} → {shape}"
            yield said, (0, places[first["id"]][1] + _LINE / 2 + _HEAD / 2)
        else:
            said = "stem" if first["kind"] == "stem" else "pooling, head"
            yield f"{said} → {shape}", (x + 0.7, y)


def _units(count: int) -> str:
    return f"{count} unit" + "s" * (count > 1)


def shape_words(shape: Iterable[int]) -> str:
    """(16, 32, 32) → '16 × 32 × 32'."""
    return " × ".join(map(str, shape))


def _draw_edges(
    fig: go.Figure, edges: Sequence[Graph], places: Mapping[str, Place], net: str, template: Template
) -> None:
    """Lines from box to box, and arcs over the boxes that they lead around."""
    flow, same, other = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
    for edge in edges:
        if edge["kind"] == "flow":
            flow.append(_flow(places[edge["from"]], places[edge["to"]]))
        else:
            (same if edge["shortcut"] == "identity" else other).append(_arc(places[edge["over"]]))
    colour = style.text_colour(net, template)
    for curves, dash, tint in (
        (flow, "solid", style.ink(template)),
        (same, "solid", colour),
        (other, "dot", colour),
    ):
        x, y = _joined(curves)
        line = {"color": tint, "width": 2, "dash": dash}
        fig.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip")


def _flow(start: Place, end: Place) -> np.ndarray:
    """A straight line; where the page breaks, a stub behind one box and one before the other."""
    (x0, y0), (x1, y1) = start, end
    if y0 == y1:
        return np.array([[x0, x1], [y0, y1]])
    return np.array([[x0, x0 + 0.5, np.nan, x1 - 0.5, x1], [y0, y0, np.nan, y1, y1]])


def _arc(place: Place) -> np.ndarray:
    """From before the box to behind it, above it."""
    x, y = place
    return np.array([x - np.cos(_CURVE) / 2, y + _RISE * np.sin(_CURVE) ** 0.5])


def _joined(curves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """One line for all, with gaps."""
    gap = np.full((2, 1), np.nan)
    x, y = np.hstack([part for curve in curves for part in (curve, gap)] or [gap])
    return x, y


def _draw_boxes(
    fig: go.Figure,
    nodes: Sequence[Node],
    places: Mapping[str, Place],
    chosen: str,
    side: int,
    net: str,
    template: Template,
) -> None:
    x, y = zip(*(places[node["id"]] for node in nodes), strict=True)
    frame = {"color": style.ink(template), "width": [4 * (node["id"] == chosen) for node in nodes]}
    same = {"marker": {"opacity": 1}}  # the frame marks the selection
    fig.add_scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"symbol": "square", "size": side, "color": style.COLOURS[net], "opacity": 1, "line": frame},
        customdata=[[node["id"]] for node in nodes],
        text=[_hover(node) for node in nodes],
        hoverinfo="text",
        selected=same,
        unselected=same,
    )


def _hover(node: Node) -> str:
    field = node["receptive_field"]
    sees = "all of the image" if field is None else f"{field} × {field} pixels"
    skip = f"<br>shortcut: {node['shortcut']}" if node["shortcut"] else ""
    return (
        f"<b>{full_label(node['id'])}</b><br>out: {shape_words(node['shape'])}{skip}"
        f"<br>{node['parameters']:,} parameters<br>each number sees {sees}"
    )
