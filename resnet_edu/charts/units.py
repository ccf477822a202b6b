"""One part of a net, drawn layer by layer: the branch from top to bottom, the shortcut beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from resnet_edu.charts import style
from resnet_edu.charts.nets import shape_words
from resnet_edu.charts.style import Template

Layer = Mapping[str, Any]
_ROW = 62  # px
_LEFT, _RIGHT = 40.0, 100.0  # of the layers' boxes, in % of the width
_SIDE = (1.0, 33.0)  # of the boxes on the shortcut


def part_drawing(
    node: Mapping[str, Any], *, plain: bool, rows: int = 0, template: Template = "light"
) -> go.Figure:
    """A node of `anatomy.graph` with the name, the output's shape and the parameters of each layer.

    `rows` leaves room for so many layers, so that twins can be compared line by line.
    """
    net = "plain" if plain else "residual"
    main = [row for row in node["layers"] if not _beside(row)]
    rows = max(rows, len(main)) + 2
    fig = style.figure(template, height=int((rows - 0.2) * _ROW))
    fig.update_layout(margin={"l": 4, "r": 4, "t": 4, "b": 4}, hovermode=False)
    fig.update_xaxes(visible=False, range=[0, 101], fixedrange=True)
    fig.update_yaxes(visible=False, range=[rows - 0.6, -0.4], fixedrange=True)
    _text(fig, (_LEFT + _RIGHT) / 2, 0, "the image" if node["kind"] == "stem" else "x")
    for at, row in enumerate(main, start=1):
        _arrow(fig, at)
        _box(fig, (_LEFT, _RIGHT), at, row, net, template)
    _arrow(fig, len(main) + 1)
    last = {"head": "logits", "stem": "x₀"}.get(node["kind"], "y")
    _text(fig, (_LEFT + _RIGHT) / 2, len(main) + 1, last)
    _skips(fig, node, main, net, template)
    return fig


def main_rows(node: Mapping[str, Any]) -> int:
    """How many layers the drawing has below each other."""
    return sum(not _beside(row) for row in node["layers"])


def _beside(row: Layer) -> bool:
    """True for layers of the shortcut or of its gate."""
    return any(f".{word}." in row["name"] for word in ("shortcut", "gate"))


def _skips(
    fig: go.Figure, node: Mapping[str, Any], main: Sequence[Layer], net: str, template: Template
) -> None:
    """A line from the start of each branch to its addition; lines of inner skips are nearer to it."""
    names = [row["name"] for row in main]
    additions = [(at, name.removesuffix(".add")) for at, name in enumerate(names, 1) if name.endswith(".add")]
    shallowest = min((name.count(".") for _, name in additions), default=0)
    for end, name in additions:
        begin = next(at for at, other in enumerate(names, 1) if other.startswith(f"{name}.branch"))
        inward = (name.count(".") - shallowest) / 2  # levels of nesting
        x = (_SIDE[0] + _SIDE[1]) / 2 + 5.5 * inward
        _line(fig, x, begin, end, net, template)
        if not inward:
            _beside_it(
                fig, node, [row for row in node["layers"] if _beside(row)], (begin, end), net, template
            )


def _beside_it(
    fig: go.Figure,
    node: Mapping[str, Any],
    layers: Sequence[Layer],
    span: tuple[int, int],
    net: str,
    template: Template,
) -> None:
    """The shortcut's description and layers, left of the branch."""
    begin, end = span
    own = [
        row for row in layers if row["name"].startswith(node["id"] + ".shortcut") or ".gate." in row["name"]
    ]
    own = [row for row in own if ".branch." not in row["name"]]
    middle = (begin + end - 1) / 2 - (len(own)) / 2
    colour = style.text_colour(net, template)
    ground = style.ground(template)
    word = node["shortcut"].replace(", ", ",<br>")
    _text(fig, sum(_SIDE) / 2, middle, f"<b>{word}</b>", color=colour, ground=ground)
    for at, row in enumerate(own, start=1):
        _box(fig, _SIDE, middle + at, row, net, template, ground=ground)


def _line(fig: go.Figure, x: float, begin: int, end: int, net: str, template: Template) -> None:
    top = begin - 0.55
    fig.add_scatter(
        x=[(_LEFT + _RIGHT) / 2, x, x, _LEFT],
        y=[top, top, end, end],
        mode="lines+markers",
        marker={"symbol": ["circle", "line-ns", "line-ns", "triangle-right"], "size": [8, 0, 0, 14]},
        line={"color": style.text_colour(net, template), "width": 3},
    )


def _box(
    fig: go.Figure,
    sides: tuple[float, float],
    at: float,
    row: Layer,
    net: str,
    template: Template,
    ground: str = "",
) -> None:
    """A layer; those with weights are filled."""
    left, right = sides
    weighted = row["kind"] in ("conv", "linear")
    fill = style.band(style.COLOURS[net], 0.22 if weighted else 0.0)
    shape = {"type": "rect", "x0": left, "x1": right, "y0": at - 0.36, "y1": at + 0.36}
    line = {"color": style.text_colour(net, template), "width": 2 if weighted else 1}
    if ground:
        fig.add_shape(**shape, fillcolor=ground, line_width=0)
    fig.add_shape(**shape, fillcolor=fill, line=line)
    weights = f" · {row['parameters']:,} parameters" if row["parameters"] else ""
    what, _, sizes = row["text"].partition(", ")
    wide = f"<b>{row['text']}</b><br>{shape_words(row['shape'])}{weights}"
    narrow = f"{what}<br>{sizes}" if sizes else what
    _text(fig, (left + right) / 2, at, narrow if ground else wide)


def _arrow(fig: go.Figure, at: int) -> None:
    """Into the box of row `at`."""
    fig.add_annotation(
        x=(_LEFT + _RIGHT) / 2, y=at - 0.36, ax=(_LEFT + _RIGHT) / 2, ay=at - 0.7, axref="x", ayref="y",
        text="", showarrow=True, arrowhead=2, arrowwidth=2, arrowcolor="rgba(128,128,128,0.9)",
    )  # fmt: skip


def _text(fig: go.Figure, x: float, y: float, text: str, color: str | None = None, ground: str = "") -> None:
    fig.add_annotation(
        x=x,
        y=y,
        text=text,
        showarrow=False,
        font={"size": style.TICK, "color": color},
        bgcolor=ground or None,
    )
