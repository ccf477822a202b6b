"""Nets in numbers and words: names, twins, keys, and what is refused."""

import dataclasses
import json

import pytest
from hypothesis import given
from strategies import any_net

from resnet_edu.anatomy.plan import plan
from resnet_edu.experiment import Cifar, Dense, Experiment, Imagenet, NoShortcut, PadShortcut
from resnet_edu.experiment.names import PAPER_NETS, name_of, named_net
from resnet_edu.experiment.parts import (
    Basic,
    Bottleneck,
    ProjectionShortcut,
    ShortcutGate,
)
from resnet_edu.experiment.spec import SpecError


@given(any_net())
def test_every_net_is_written_and_read(net):
    experiment = Experiment(net)
    assert Experiment.from_json(experiment.to_json()) == experiment
    assert Experiment.from_query(experiment.to_query()) == experiment
    assert experiment.twin().net.plain != net.plain


@given(any_net())
def test_a_name_gives_back_what_it_tells(net):
    """Names leave out widths, norms, initial weights, survival, gates' biases and where bottlenecks halve."""
    named = Experiment.from_query({"net": name_of(net)}).net
    assert name_of(named) == name_of(net)
    assert (type(named), named.depth, named.order) == (type(net), net.depth, net.order)
    assert named.shortcut.kind == net.shortcut.kind
    for field in ("kind", "layers", "nested"):
        assert getattr(named.unit, field, None) == getattr(net.unit, field, None)


@given(any_net(), any_net())
def test_nets_that_differ_have_different_keys(one, other):
    assert (Experiment(one).key == Experiment(other).key) == (one == other)


@given(any_net())
def test_a_plan_has_the_layers_of_the_depth(net):
    planned = plan(net, channels=3, side=32, classes=10)
    assert 2 + sum(len(unit.layers) for stage in planned.stages for unit in stage) == net.depth
    size = planned.stem.size_out
    for stage in planned.stages:
        for unit in stage:
            assert unit.size_in == size
            assert all(a.size_out == b.size_in for a, b in zip(unit.layers, unit.layers[1:], strict=False))
            size = unit.size_out
    assert size == planned.features


@pytest.mark.parametrize(
    ("name", "net"),
    [
        ("resnet-18", Imagenet(depth=18)),
        ("plain-34", Imagenet(depth=34, shortcut=NoShortcut())),
        ("resnet-34-A", Imagenet(depth=34, shortcut=PadShortcut())),
        ("cifar-resnet-50", Cifar(depth=50)),
        ("cifar-plain-152", Cifar(depth=152, shortcut=NoShortcut())),
        ("resnet-1202", Cifar(depth=1202)),
        ("resnet-164", Cifar(depth=164)),
        ("resnet-164-bottleneck", Cifar(depth=164, unit=Bottleneck())),
        (
            "resnet-164-pre",
            Cifar(depth=164, unit=Bottleneck(), order="full-preactivation", shortcut=ProjectionShortcut()),
        ),
        ("resnet-164-basic-pre", Cifar(depth=164, order="full-preactivation")),
        ("resnet-110-pre", Cifar(depth=110, order="full-preactivation")),
        ("plain-110-pre", Cifar(depth=110, order="full-preactivation", shortcut=NoShortcut())),
        ("resnet-110-bn-after-addition", Cifar(depth=110, order="bn-after-addition")),
        ("resnet-110-shortcut-gate", Cifar(depth=110, shortcut=ShortcutGate())),
        ("resnet-20-x4", Cifar(depth=20, widen=4)),
        ("resnet-20-B-3layer-nested-pre-x2", None),
        ("dense-plain-200", Dense(depth=200, shortcut=NoShortcut())),
        ("dense-resnet-20-1layer", Dense(depth=20, unit=Basic(1))),
    ],
)
def test_names_of_the_story(name, net):
    if net is None:
        unit = Basic(3, nested=True)
        net = Cifar(depth=20, unit=unit, order="full-preactivation", shortcut=ProjectionShortcut(), widen=2)
    assert Experiment.from_query({"net": name}).net == net
    assert name_of(net) == name


def test_names_stand_for_their_nets_at_every_width():
    for name, net in PAPER_NETS.items():
        assert name_of(net) == name_of(dataclasses.replace(net, width=8)) == name


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"net": "imagenet", "net.depth": "20"}, "depth is 20; an ImageNet net has one of these: 18, 34, 50"),
        ({"net": "cifar", "unit": "bottleneck", "depth": "21"}, "9n+2 layers: 11, 20, 29"),
        ({"net": "dense", "layers": "3", "depth": "6"}, "3n+2 layers: 5, 8, 11"),
        (
            {"net.shortcut": "none", "survival": "0.5"},
            "survival must be 1 for a plain net: it has no shortcut",
        ),
        ({"net.shortcut": "highway", "order": "full-preactivation"}, "a highway's ReLU is inside its branch"),
        ({"net.norm": "group", "groups": "7"}, "groups is 7; it must divide 16 into groups of 2 or more"),
        ({"net.norm": "group", "groups": "16"}, "groups is 16; it must divide 16 into groups of 2 or more"),
        ({"net.norm": "layer", "net.width": "1"}, "groups is 1; it must divide 1 into groups of 2 or more"),
        ({"nested": "true", "zero_last": "true"}, "set zero_last to false: a nested branch has skips inside"),
        ({"order": "relu-before-addition", "zero_last": "true"}, "would never leave zero"),
        ({"net.shortcut": "highway", "zero_last": "true"}, "would never leave zero"),
        ({"order": "preactivation"}, "order is 'preactivation'; allowed: original, "),
        ({"layers": "9"}, "layers is 9; allowed: 1 … 8"),
        ({"net": "resnet-18", "net.stride": "1x1"}, "only bottleneck units, from depth 50 on"),
        ({"net": "plain-20-gate"}, "a plain net has no shortcut, so leave out 'gate'"),
        ({"net": "resnet-20-wide"}, "'wide' is none of A, B, C, scaled"),
    ],
)
def test_what_makes_no_net_is_refused(query, message):
    with pytest.raises(SpecError) as caught:
        Experiment.from_query(query)
    assert message in str(caught.value)


def test_defaults_added_later_are_not_written():
    """So that every experiment keeps the key it had before nets could be anything else."""
    assert json.loads(Experiment(Cifar(depth=56, width=8)).to_json())["net"] == {
        "kind": "cifar",
        "depth": 56,
        "width": 8,
    }
    assert named_net("resnet-56") == {"net": "cifar", "net.depth": "56", "net.shortcut": "A"}
