"""The torch-free anatomy, held against the nets that are built."""

import dataclasses
import itertools
import json
import subprocess
import sys

import pytest

from resnet_edu import anatomy
from resnet_edu.experiment import Cifar, Dense, Experiment, Imagenet, NoShortcut, PadShortcut
from resnet_edu.experiment.names import PAPER_NETS, name_of, named_net
from resnet_edu.experiment.parts import Bottleneck
from resnet_edu.experiment.spec import SpecError


def net_of(name):
    return Experiment.from_query({"net": name}).net


def total(net, what, **sizes):
    return anatomy.graph(net, **sizes)[what]


# He 2015 Table 6, He 2016 Table 3 (10.2M for 1001) and Zagoruyko 2016 Table 5 (36.5M for WRN-28-10), exactly.
PARAMETERS = {
    "resnet-20": 269_722,
    "resnet-32": 464_154,
    "resnet-44": 658_586,
    "resnet-56": 853_018,
    "resnet-110": 1_727_962,
    "resnet-1202": 19_421_274,
    "plain-56": 853_018,
    "wrn-28-10": 36_479_194,
    "resnet-18": 11_689_512,
    "resnet-34": 21_797_672,
    "resnet-50": 25_557_032,
    "resnet-101": 44_549_160,
    "resnet-152": 60_192_808,
}


@pytest.mark.parametrize(("name", "expected"), PARAMETERS.items())
def test_parameters_of_the_papers_nets(name, expected):
    assert total(net_of(name), "parameters") == expected


def bottleneck_preactivation_parameters(n):
    """The authors' published net, counted by hand: 3 stages of n units; first of each with a projection."""
    total = 3 * 16 * 9
    size = 16
    for out in (64, 128, 256):
        inner = out // 4
        for first in [True] + [False] * (n - 1):
            source = size if first else out
            total += 2 * source + source * inner + 2 * inner + inner * inner * 9 + 2 * inner + inner * out
            total += source * out * first
        size = out
    return total + 2 * 256 + 256 * 10 + 10


@pytest.mark.parametrize(("depth", "paper"), [(164, 1.7), (1001, 10.2)])
def test_bottleneck_preactivation_nets_are_as_large_as_published(depth, paper):
    """He 2016 Table 5 gives 1.7M and 10.2M. Our first norm and ReLU stand in the stem, not in the unit."""
    counted = total(net_of(f"resnet-{depth}-pre"), "parameters")
    assert counted == bottleneck_preactivation_parameters((depth - 2) // 9)
    assert counted / 1e6 == pytest.approx(paper, rel=0.02)


def test_multiply_adds_of_the_papers_tables():
    def macs(net):
        return total(net, "macs")

    a, b = Imagenet(depth=34, shortcut=PadShortcut()), Imagenet(depth=34)
    assert macs(a) == macs(dataclasses.replace(a, shortcut=NoShortcut()))
    assert macs(a) / 1e9 == pytest.approx(3.64, abs=0.005)
    assert macs(b) / 1e9 == pytest.approx(3.66, abs=0.01)
    assert macs(Imagenet(depth=152, stride="1x1")) / 1e9 == pytest.approx(11.3, abs=0.05)
    assert macs(Imagenet(depth=152)) / 1e9 == pytest.approx(11.51, abs=0.01)
    assert macs(net_of("plain-56")) == macs(net_of("resnet-56"))


def test_receptive_fields_by_hand():
    fields = {part.name: part.field for part in anatomy.parts(Cifar(depth=8))}
    # 3×3 layers: 3; 7; then stride 2: 9, 13; then stride 2: 17, 25.
    assert fields == {
        "stem": 3,
        "stages.0.0": 7,
        "stages.1.0": 13,
        "stages.2.0": 25,
        "pooled": None,
        "head": None,
    }
    imagenet = {part.name: part.field for part in anatomy.parts(Imagenet(depth=18))}
    assert imagenet["stem"] == 11
    assert imagenet["stages.3.1"] == 435


def test_shapes_and_layers_by_stage():
    rows = anatomy.stages(Cifar(depth=56))
    assert [row["stage"] for row in rows] == ["stem", "stage 1", "stage 2", "stage 3", "head"]
    assert [row["shape"] for row in rows] == ["16 × 32 × 32"] * 2 + ["32 × 16 × 16", "64 × 8 × 8", "10"]
    assert [row["layers"] for row in rows] == [1, 18, 18, 18, 1]
    for net in (Cifar(depth=1202), Dense(depth=200), Imagenet(depth=152), *PAPER_NETS.values()):
        assert sum(row["layers"] for row in anatomy.stages(net)) == net.depth


def test_a_unit_is_called_by_stage_and_number_from_one_with_its_module_beside():
    assert anatomy.part_label("stages.0.0") == "stage 1, unit 1"
    assert anatomy.part_label("stages.2.17.branch.conv1") == "stage 3, unit 18, branch.conv1"
    assert anatomy.full_label("stages.0.0") == "stage 1, unit 1 (stages.0.0)"
    assert anatomy.full_label("head") == anatomy.part_label("head") == "head"
    for part in anatomy.parts(Cifar(depth=20)):
        assert anatomy.part_label(part.name).startswith("stage ") == (part.kind == "unit")


def test_a_graph_has_parts_in_a_row_and_skips_around_units():
    graph = anatomy.graph(Cifar(depth=14))
    assert json.loads(json.dumps(graph)) == graph
    names = [node["id"] for node in graph["nodes"]]
    flow = [(edge["from"], edge["to"]) for edge in graph["edges"] if edge["kind"] == "flow"]
    assert flow == list(itertools.pairwise(names))
    skips = {edge["over"]: edge["shortcut"] for edge in graph["edges"] if edge["kind"] == "skip"}
    assert skips == {
        f"stages.{i}.{j}": "zero-padding" if i and not j else "identity" for i in range(3) for j in range(2)
    }
    plain = anatomy.graph(Cifar(depth=14, shortcut=NoShortcut()))
    assert all(edge["kind"] == "flow" for edge in plain["edges"])
    for key in ("parameters", "macs"):
        assert plain[key] == graph[key] == sum(node[key] for node in graph["nodes"])


def test_equations_in_words():
    equation = anatomy.parts(Cifar(depth=8))[1].equation
    assert equation == "y = ReLU(x + F(x)); F(x) = norm₂(conv₂(ReLU(norm₁(conv₁(x)))))"
    plain = anatomy.parts(Cifar(depth=8, shortcut=NoShortcut()))[1].equation
    assert plain == equation.replace("x + F(x))", "F(x))")
    first = anatomy.parts(Cifar(depth=11, unit=Bottleneck(), order="full-preactivation"))[2].equation
    assert first.startswith("y = pad(a(x)) + F(a(x)); F(x) = conv₃(ReLU(norm₃(")
    assert first.endswith("a(x) = ReLU(norm(x))")
    assert "2^27 paths" in anatomy.graph(Cifar(depth=56))["equation"]
    assert (
        "one path through all 27 units" in anatomy.graph(Cifar(depth=56, shortcut=NoShortcut()))["equation"]
    )


def test_sizes_are_checked():
    with pytest.raises(SpecError, match="side is 7; a cifar net takes"):
        anatomy.graph(Cifar(), side=7)


def test_names_of_plans_are_nets():
    assert {name_of(net_of(name)) for name in PAPER_NETS} == set(PAPER_NETS)
    assert named_net("resnet-50")["net"] == "imagenet"


def test_no_torch_is_needed():
    code = "import sys; from resnet_edu import anatomy as a, experiment as e; a.graph(e.Cifar(depth=110))"
    code += "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
