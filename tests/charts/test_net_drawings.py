"""Drawings of nets and blocks: everything in the graph is on the picture, at its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_edu import anatomy, charts
from resnet_edu.experiment import Experiment
from resnet_edu.experiment.net import Cifar, Imagenet
from resnet_edu.experiment.parts import Basic, Highway, ProjectionShortcut

depths = st.integers(1, 80).map(lambda n: 6 * n + 2)


def boxes(figure):
    return figure.data[-1]


def curves(trace) -> int:
    """How many separate lines a trace holds."""
    return int(np.isnan(np.array(trace.x, float)).sum())


@pytest.mark.slow
@given(depth=depths, plain=st.booleans())
def test_every_block_has_its_box_and_no_two_share_a_place(depth, plain):
    net = Cifar(depth=depth)
    graph = anatomy.graph(net.twin() if plain else net)
    drawn = boxes(charts.net_drawing(graph))
    assert [box[0] for box in drawn.customdata] == [node["id"] for node in graph["nodes"]]
    assert len(set(zip(drawn.x, drawn.y, strict=True))) == len(graph["nodes"])


@pytest.mark.slow
@given(depth=depths)
def test_blocks_are_read_like_a_page(depth):
    drawn = boxes(charts.net_drawing(anatomy.graph(Cifar(depth=depth))))
    places = [(-y, x) for x, y in zip(drawn.x, drawn.y, strict=True)]
    assert places == sorted(places)


def test_every_skip_has_its_arc_and_those_that_change_the_size_are_dotted():
    flow, same, other, _ = charts.net_drawing(anatomy.graph(Cifar(depth=56))).data
    assert [curves(each) for each in (flow, same, other)] == [
        33,
        25,
        2,
    ]  # 29, of which 4 lead to another line; 27 units
    assert (same.line.dash, other.line.dash) == ("solid", "dot")
    flow, same, other, _ = charts.net_drawing(anatomy.graph(Cifar(depth=56).twin())).data
    assert [curves(each) for each in (flow, same, other)] == [33, 1, 1]  # a gap, and nothing else
    assert np.isnan(np.array(same.x, float)).all()


def test_an_arc_leads_from_before_its_box_to_behind_it():
    figure = charts.net_drawing(anatomy.graph(Cifar(depth=8)))
    _, arc, _, drawn = figure.data
    at = [box[0] for box in drawn.customdata].index("stages.0.0")
    assert arc.x[0] == pytest.approx(drawn.x[at] - 0.5)
    assert arc.x[8] == pytest.approx(drawn.x[at] + 0.5)
    assert max(arc.y[:9]) > drawn.y[at]


def test_only_the_chosen_block_has_a_frame():
    drawn = boxes(charts.net_drawing(anatomy.graph(Cifar(depth=8)), chosen="stages.1.0"))
    framed = [box[0] for box, width in zip(drawn.customdata, drawn.marker.line.width, strict=True) if width]
    assert framed == ["stages.1.0"]


def words(figure) -> str:
    return "\n".join(str(note.text) for note in figure.layout.annotations)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["plain-56", "resnet-56-C", "resnet-50", "resnet-14-4layer-nested", "dense-resnet-8"]
)
def test_a_block_names_all_its_layers(name):
    graph = anatomy.graph(Experiment.from_query({"net": name}).net)
    for node in graph["nodes"]:
        text = words(charts.part_drawing(node, plain=graph["plain"]))
        for row in node["layers"]:
            assert all(part in text for part in row["text"].split(", ")), row["name"]


def skips(figure) -> list:
    return [trace for trace in figure.data if trace.mode == "lines+markers"]


@pytest.mark.parametrize(
    ("net", "count"),
    [
        (Cifar(depth=8).twin(), 0),
        (Cifar(depth=8), 1),
        (Cifar(depth=8, shortcut=Highway()), 1),
        (Imagenet(depth=50), 1),
        (Cifar(depth=14, unit=Basic(layers=4, nested=True)), 7),
    ],
)
def test_a_skip_leads_from_before_its_branch_to_its_addition(net, count):
    node = anatomy.graph(net)["nodes"][1]
    lines = skips(charts.part_drawing(node, plain=net.plain))
    assert len(lines) == count
    names = [row["name"] for row in node["layers"] if not {"gate", "shortcut"} & set(row["name"].split("."))]
    for line in lines:
        top, addition = line.y[0], names[int(line.y[-1]) - 1]
        assert addition.endswith(".add")
        within = [
            at for at, name in enumerate(names, 1) if name.startswith(addition[: -len("add")] + "branch")
        ]
        assert min(within) - 1 < top < min(within)
        assert max(within) < line.y[-1]


def test_a_preactivated_unit_branches_off_behind_what_both_share():
    net = Cifar(depth=20, order="full-preactivation", shortcut=ProjectionShortcut())
    node = next(node for node in anatomy.graph(net)["nodes"] if node["id"] == "stages.1.0")
    assert [row["kind"] for row in node["layers"][:2]] == ["norm", "relu"]
    (line,) = skips(charts.part_drawing(node, plain=False))
    assert 2 < line.y[0] < 3


def test_twins_drawn_with_the_same_rows_have_the_same_height():
    nodes = [anatomy.graph(net)["nodes"][1] for net in (Cifar(depth=8), Cifar(depth=8).twin())]
    rows = max(charts.main_rows(node) for node in nodes)
    heights = {charts.part_drawing(node, plain=False, rows=rows).layout.height for node in nodes}
    assert len(heights) == 1
