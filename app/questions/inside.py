"""What is inside? A net of any depth beside its twin; a click on a unit shows its layers."""

from __future__ import annotations

from typing import Any

import cache
import panels
import presentation
import streamlit as st
import url_state
from head import head, switch

from resnet_edu import anatomy, charts
from resnet_edu.experiment import Experiment, Net
from resnet_edu.experiment.net import IMAGENET_DEPTHS, ORDERS
from resnet_edu.experiment.spec import SpecError

FAMILIES = {"cifar": "CIFAR", "imagenet": "ImageNet", "dense": "dense"}
UNITS = {
    "basic": "2 layers",
    "bottleneck": "bottleneck",
    "1layer": "1 layer",
    "3layer": "3 layers",
    "4layer": "4 layers",
    "4layer-nested": "4, skips inside",
}
SHORTCUTS = {
    "A": "A: identity, zero-padded",
    "B": "B: projection where sizes change",
    "C": "C: projection everywhere",
    "scaled": "scaled by ½",
    "gate": "exclusive gate",
    "shortcut-gate": "shortcut-only gate",
    "conv": "1×1 convolution",
    "dropout": "dropout",
    "highway": "highway",
}
DEPTHS = {"cifar": range(8, 2001), "dense": range(4, 1001), "imagenet": IMAGENET_DEPTHS}
USUAL = {"cifar": 56, "dense": 50, "imagenet": 34}
PARAMETERS = ("family", "depth", "unit", "shortcut", "order", "part")
TALL = 410  # px that a drawing has; taller ones are scrolled


def page() -> None:
    (beside,) = head("What is inside?", PARAMETERS, 3)
    family = switch("family", "family", FAMILIES, "cifar", beside, clears=PARAMETERS[1:])
    net = choose_net(family)
    pair = cache.graph(net.twin()), cache.graph(net)
    st.markdown(_costs(*pair))
    parts = [node["id"] for node in pair[0]["nodes"]]
    part = url_state.read("part", parts, parts[1])
    if presentation.wants("nets", "both nets"):
        columns = presentation.place().columns(2, gap="medium")
        for column, graph in zip(columns, pair, strict=True):
            with column:
                draw_net(graph, part)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        url_state.select("part", "part", part, {each: anatomy.full_label(each) for each in parts}, width=300)
        st.markdown(_facts(_node(pair[1], part), side=anatomy.USUAL[family][1]))
    rows = max(charts.main_rows(_node(graph, part)) for graph in pair)
    for column, graph in zip(st.columns(2, gap="medium"), pair, strict=True):
        with column:
            draw_part(graph, part, rows)
            panels.heading("The whole net")
            st.code(graph["equation"], language=None, wrap_lines=True)


def choose_net(family: str) -> Net:
    """Fields for every option; returns the residual net."""
    with st.container(horizontal=True, gap="medium"):
        unit = "basic"
        if family != "imagenet":
            unit = url_state.read("unit", list(UNITS), "basic")
            url_state.select("unit", "unit", unit, UNITS, clears=("depth", "part"), width=190)
        depths = _depths(family, unit)
        usual = min(depths, key=lambda depth: abs(depth - USUAL[family]))
        depth = url_state.read("depth", depths, usual)
        words = {each: f"{each} layers" for each in depths}
        url_state.select("depth", "depth", depth, words, clears=("part",), width=150)
        given = "B" if family == "imagenet" else "A"
        shortcut = url_state.read("shortcut", list(SHORTCUTS), given)
        url_state.select("shortcut of the residual net", "shortcut", shortcut, SHORTCUTS, width=310)
        order = url_state.read("order", ORDERS, ORDERS[0])
        orders = {each: each.replace("-", " ") for each in ORDERS}
        url_state.select("order of norm, ReLU and addition", "order", order, orders, width=270)
    try:
        return _named(family, depth, unit, shortcut, order)
    except SpecError as error:
        st.warning(url_state.escaped(f"Shortcut and order exclude each other: {error}. Drawn: {ORDERS[0]}."))
        return _named(family, depth, unit, shortcut)


@st.cache_data(show_spinner=False)
def _depths(family: str, unit: str) -> list[int]:
    """The depths that nets of this family can have."""
    found = []
    for depth in DEPTHS[family]:
        try:
            found.append(_named(family, depth, unit).depth)
        except SpecError:
            continue
    return found


def _named(family: str, depth: int, unit: str = "basic", shortcut: str = "A", order: str = ORDERS[0]) -> Net:
    words = "" if unit == "basic" else f"-{unit}"
    query = {"net": f"{family}-resnet-{depth}{words}", "net.shortcut": shortcut, "net.order": order}
    return Experiment.from_query(query).net


def _node(graph: dict[str, Any], part: str) -> dict[str, Any]:
    return next(node for node in graph["nodes"] if node["id"] == part)


def _costs(plain: dict[str, Any], residual: dict[str, Any]) -> str:
    """What the shortcuts cost: exact counts."""
    more = residual["parameters"] - plain["parameters"], residual["macs"] - plain["macs"]
    counts = f"{plain['parameters']:,} parameters and {plain['macs']:,} multiply-adds an image"
    if more == (0, 0):
        return f"Both nets have {counts}: **the shortcuts add none.**"
    return f"The plain net has {counts}. **The shortcuts add {more[0]:,} and {more[1]:,}.**"


def _facts(node: dict[str, Any], side: int) -> str:
    field = node["receptive_field"]
    sees = f"{field} × {field} pixels"
    if field is None or field >= side:
        sees = "the whole image"
    return f"Gives {_shape(node['shape'])}. Each of these numbers sees {sees}."


def _shape(shape: list[int]) -> str:
    return f"{shape[0]} channels of {shape[1]} × {shape[2]}" if len(shape) == 3 else f"{shape[0]} numbers"


def draw_net(graph: dict[str, Any], part: str) -> None:
    net = "plain" if graph["plain"] else "residual"
    st.markdown(panels.heading_text(graph["label"], f"{graph['depth']} layers; click a unit"))
    figure = charts.net_drawing(graph, chosen=part, template=panels.template())
    key = f"net-{net}"
    with st.container(height=min(figure.layout.height + 10, TALL), border=False):
        st.plotly_chart(
            figure,
            key=key,
            theme=None,
            config=charts.config() | {"displayModeBar": False},
            on_select=lambda: _clicked(key),
            selection_mode="points",
            alt=f"{graph['label']}: {len(graph['nodes'])} parts in the order of the data",
        )


def _clicked(key: str) -> None:
    points = st.session_state[key].selection.points
    if points:
        url_state.set_params(part=points[0]["customdata"][0])


def draw_part(graph: dict[str, Any], part: str, rows: int) -> None:
    node = _node(graph, part)
    panels.heading(f"{graph['label']}: {anatomy.part_label(part)}", part)
    costs = f":gray[{node['parameters']:,} parameters, {node['macs']:,} multiply-adds]"
    st.markdown("  \n".join([*url_state.escaped(node["equation"]).split("; "), costs]))
    figure = charts.part_drawing(node, plain=graph["plain"], rows=rows, template=panels.template())
    panels.show(
        figure,
        f"part-{'plain' if graph['plain'] else 'residual'}",
        f"the layers of {anatomy.full_label(part)}",
    )


page()
