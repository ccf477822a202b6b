"""Counts against the paper, against torch's own counter, and against sums by hand."""

import dataclasses
import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from resnet_edu import nets
from resnet_edu.experiment import (
    Cifar,
    Dense,
    NoShortcut,
    PadShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
)
from resnet_edu.nets import count

SHORTCUTS = [NoShortcut(), PadShortcut(), ProjectionShortcut(), ProjectionEverywhere()]

# Option A; the paper's Table 6 rounds them.
PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962, 1202: 19_421_274}


def shape_only(net, channels=3, side=32, classes=10):
    with torch.device("meta"):
        return nets.assemble(net, channels=channels, side=side, classes=classes)


@pytest.mark.parametrize(("depth", "expected"), PARAMETERS.items())
def test_parameters_are_the_papers(depth, expected):
    assert count.parameters(shape_only(Cifar(depth=depth))) == expected


def test_the_plain_twin_has_as_many_parameters_and_projections_add_theirs():
    def parameters(shortcut):
        return count.parameters(shape_only(Cifar(depth=20, shortcut=shortcut)))

    widening = (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)
    keeping = 3 * (16 * 16 + 2 * 16) + 2 * (32 * 32 + 2 * 32) + 2 * (64 * 64 + 2 * 64)
    assert parameters(NoShortcut()) == parameters(PadShortcut()) == 269_722
    assert parameters(ProjectionShortcut()) == 269_722 + widening
    assert parameters(ProjectionEverywhere()) == 269_722 + widening + keeping


def test_parameters_of_a_dense_net_by_hand():
    stem, units, head = 64 * 32 + 2 * 32, 9 * 2 * (32 * 32 + 2 * 32), 32 * 10 + 10
    net = Dense(depth=20, width=32)
    assert count.parameters(shape_only(net, channels=1, side=8)) == stem + units + head


@pytest.mark.parametrize(("depth", "side"), list(itertools.product([8, 20, 56], [8, 9, 32])))
def test_plain_and_residual_multiply_equally_often(depth, side):
    net = Cifar(depth=depth, width=4)
    plain = dataclasses.replace(net, shortcut=NoShortcut())

    def macs(net):
        return count.macs(nets.build(net, channels=3, side=side, classes=10, seed=0), (3, side, side))

    assert macs(net) == macs(plain)


def test_macs_of_resnet_20_by_hand():
    stem, head = 32 * 32 * 9 * 3 * 16, 64 * 10
    stages = 6 * 32 * 32 * 9 * 16 * 16
    stages += 16 * 16 * 9 * (16 * 32 + 5 * 32 * 32)
    stages += 8 * 8 * 9 * (32 * 64 + 5 * 64 * 64)
    stack = nets.build(Cifar(depth=20), channels=3, side=32, classes=10, seed=0)
    assert count.macs(stack, (3, 32, 32)) == stem + stages + head


@pytest.mark.parametrize("shortcut", SHORTCUTS, ids=lambda shortcut: shortcut.kind)
@pytest.mark.parametrize(
    "net", [Cifar(depth=14, width=4), Dense(depth=8, width=16)], ids=lambda net: net.kind
)
def test_macs_equal_torchs_own_counter(net, shortcut):
    stack = nets.build(dataclasses.replace(net, shortcut=shortcut), channels=3, side=11, classes=7, seed=0)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        stack.eval()(torch.zeros(1, 3, 11, 11))
    assert 2 * count.macs(stack, (3, 11, 11)) == counter.get_total_flops()


@pytest.mark.parametrize("shortcut", SHORTCUTS, ids=lambda shortcut: shortcut.kind)
def test_table_has_every_layer_in_order_and_sums_to_the_totals(shortcut):
    stack = nets.build(Cifar(depth=8, width=4, shortcut=shortcut), channels=3, side=8, classes=10, seed=0)
    rows = count.table(stack, (3, 8, 8))
    assert sum(row.parameters for row in rows) == count.parameters(stack)
    assert [row.name for row in rows if row.macs and ".shortcut." not in row.name] == [
        name for name, _ in nets.layers(stack) if ".shortcut." not in name
    ]
    assert rows[0] == count.Row("stem.conv", "Conv2d", (4, 8, 8), 108, 108 * 64)
    assert rows[1] == count.Row("stem.norm", "BatchNorm2d", (4, 8, 8), 8, 0)
    assert rows[-1] == count.Row("head", "Linear", (10,), 170, 160)


def test_counting_leaves_the_net_as_it_was():
    stack = nets.build(Cifar(depth=8, width=4), channels=3, side=8, classes=10, seed=0)
    before = {name: tensor.clone() for name, tensor in stack.state_dict().items()}
    count.table(stack, (3, 8, 8))
    assert all(torch.equal(before[name], tensor) for name, tensor in stack.state_dict().items())
    assert all(module.training and not module._forward_hooks for module in stack.modules())
