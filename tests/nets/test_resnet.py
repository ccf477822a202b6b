"""Whole nets: shapes at every stage, layers in order, traces, and what is refused."""

import copy
import dataclasses

import pytest
import torch
from torch import nn

from resnet_edu import nets
from resnet_edu.experiment import (
    Cifar,
    Dense,
    NoShortcut,
    PadShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
)
from resnet_edu.experiment.spec import SpecError

SHORTCUTS = [NoShortcut(), PadShortcut(), ProjectionShortcut(), ProjectionEverywhere()]
SMALL = [kind(depth=14, width=4, shortcut=shortcut) for kind in (Cifar, Dense) for shortcut in SHORTCUTS]


def built(net, side=8, channels=1, classes=10, seed=0):
    return nets.build(net, channels=channels, side=side, classes=classes, seed=seed)


def label(net):
    return f"{net.kind}-{net.shortcut.kind}"


@pytest.mark.parametrize("shortcut", SHORTCUTS, ids=lambda shortcut: shortcut.kind)
@pytest.mark.parametrize("side", [8, 9, 28, 32])
def test_shapes_at_every_stage(side, shortcut):
    stack = built(Cifar(depth=14, width=4, shortcut=shortcut), side=side, channels=3, classes=7)
    logits, intermediates = stack.forward_intermediates(torch.randn(2, 3, side, side))
    half = (side + 1) // 2
    quarter = (half + 1) // 2
    expected = {"stem": (2, 4, side, side)}
    for stage, (width, pixels) in enumerate([(4, side), (8, half), (16, quarter)]):
        expected |= {f"stages.{stage}.{unit}": (2, width, pixels, pixels) for unit in range(2)}
    expected["pooled"] = (2, 16)
    assert {name: tuple(tensor.shape) for name, tensor in intermediates.items()} == expected
    assert list(intermediates) == list(expected)
    assert logits.shape == (2, 7)


@pytest.mark.parametrize("side", [1, 8, 11])
def test_shapes_of_dense_nets(side):
    logits, intermediates = built(Dense(depth=8, width=5), side=side, channels=3).forward_intermediates(
        torch.randn(2, 3, side, side)
    )
    assert list(intermediates) == ["stem", "stages.0.0", "stages.0.1", "stages.0.2", "pooled"]
    assert all(tensor.shape == (2, 5) for tensor in intermediates.values())
    assert logits.shape == (2, 10)


def test_width_one_and_the_shallowest_nets_work():
    x = torch.randn(2, 1, 8, 8)
    for net in (Cifar(depth=8, width=1), Dense(depth=4, width=1)):
        assert built(net, classes=1)(x).shape == (2, 1)


@pytest.mark.parametrize("net", SMALL, ids=label)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_trace_has_the_logits_of_forward(net, training):
    stack, x = built(net).train(training), torch.randn(3, 1, 8, 8)
    assert torch.equal(stack.forward_intermediates(x).logits, stack(x))


@pytest.mark.parametrize("net", SMALL, ids=label)
def test_gradients_of_every_intermediate_can_be_asked(net):
    logits, intermediates = built(net).forward_intermediates(torch.randn(3, 1, 8, 8))
    gradients = torch.autograd.grad(logits.square().sum(), list(intermediates.values()))
    for gradient, tensor in zip(gradients, intermediates.values(), strict=True):
        assert gradient.shape == tensor.shape
        assert gradient.abs().sum() > 0


def test_units_in_order():
    stack = built(Cifar(depth=20, width=2))
    assert [name for name, _ in stack.units()] == [f"stages.{i}.{j}" for i in range(3) for j in range(3)]
    assert all(stack.get_submodule(name) is unit for name, unit in stack.units())
    assert all(isinstance(unit, nets.ResidualUnit) for _, unit in stack.units())


@pytest.mark.parametrize("net", SMALL, ids=label)
def test_layers_are_as_many_as_the_depth_in_the_order_of_the_forward_pass(net):
    stack, called = built(net), []
    layers = nets.layers(stack)
    assert all(stack.get_parameter(f"{name}.weight") is weight for name, weight in layers)
    main_path = [name for name, _ in layers if ".shortcut." not in name]
    assert len(main_path) == net.depth
    for name in main_path:
        stack.get_submodule(name).register_forward_hook(lambda m, i, o, name=name: called.append(name))
    stack(torch.randn(2, 1, 8, 8))
    assert called == main_path
    if net.shortcut.kind in ("none", "A"):
        assert len(layers) == net.depth


@pytest.mark.parametrize("net", SMALL, ids=label)
def test_twins_have_the_same_names_but_for_projections(net):
    plain = built(net if net.plain else dataclasses.replace(net, shortcut=NoShortcut())).state_dict()
    names = [name for name in built(net).state_dict() if ".shortcut." not in name]
    assert names == list(plain)


def test_the_plain_switch_takes_every_shortcut_away():
    for kind in (Cifar, Dense):
        assert all(
            unit.shortcut is None for _, unit in built(kind(depth=14, width=2, shortcut=NoShortcut())).units()
        )
        assert all(unit.shortcut is not None for _, unit in built(kind(depth=14, width=2)).units())


def test_full_backward_hooks_work_on_every_module_of_a_net():
    for net in SMALL:
        stack, seen = built(net), set()
        for name, module in stack.named_modules():
            module.register_full_backward_hook(lambda m, i, o, name=name, seen=seen: seen.add(name))
        stack(torch.randn(2, 1, 8, 8, requires_grad=True)).sum().backward()
        unused = {f"{name}.add" for name, _ in stack.units()} if net.plain else set()
        assert seen == {name for name, _ in stack.named_modules()} - unused


def test_no_relu_is_used_twice():
    calls = []
    stack = built(Cifar(depth=20, width=2))
    for module in stack.modules():
        if isinstance(module, nn.ReLU):
            assert not module.inplace
            module.register_forward_hook(lambda m, i, o: calls.append(m))
    stack(torch.randn(2, 1, 8, 8))
    assert len(calls) == len(set(calls)) == 19


def test_a_deepcopy_gives_the_same_logits():
    stack, x = built(Cifar(depth=8, width=2)).eval(), torch.randn(2, 1, 8, 8)
    assert torch.equal(copy.deepcopy(stack)(x), stack(x))


@pytest.mark.parametrize("shortcut", SHORTCUTS, ids=lambda shortcut: shortcut.kind)
@pytest.mark.parametrize("side", [8, 9])
def test_channels_last_stays_channels_last(side, shortcut):
    stack = built(Cifar(depth=8, width=4, shortcut=shortcut), channels=3).to(
        memory_format=torch.channels_last
    )
    x = torch.randn(2, 3, side, side).to(memory_format=torch.channels_last)
    *maps, _ = stack.forward_intermediates(x).intermediates.values()
    assert all(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in maps)


@pytest.mark.parametrize(
    ("net", "sizes", "message"),
    [
        (Cifar(), {"side": 7}, "side is 7; a cifar net takes images of 8 pixels a side or more"),
        (Dense(), {"side": 0}, "side is 0; a dense net takes images of 1 pixels a side or more"),
        (Cifar(), {"channels": 0}, "channels is 0; allowed: 1 …"),
        (Dense(), {"classes": 0}, "classes is 0; allowed: 1 …"),
    ],
)
def test_impossible_sizes_are_refused(net, sizes, message):
    with pytest.raises(SpecError) as error:
        built(net, **sizes)
    assert str(error.value) == message
