"""The nets against a second ResNet, written as loops over the paper's text; wrong nets that it must catch."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resnet_edu import nets
from resnet_edu.anatomy.plan import unit_plan
from resnet_edu.experiment import (
    Cifar,
    Dense,
    NoShortcut,
    PadShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
)
from resnet_edu.nets import PadChannels, branches, resnet, units

SHORTCUTS = [NoShortcut(), PadShortcut(), ProjectionShortcut(), ProjectionEverywhere()]


def norm(x, tensors, name, training):
    mean, var = tensors[f"{name}.running_mean"].clone(), tensors[f"{name}.running_var"].clone()
    return F.batch_norm(x, mean, var, tensors[f"{name}.weight"], tensors[f"{name}.bias"], training)


def cifar_by_hand(net, tensors, x, training):
    def conv_norm(x, conv, bn, stride):
        weight = tensors[f"{conv}.weight"]
        padding = {3: 1, 1: 0}[weight.shape[-1]]
        return norm(F.conv2d(x, weight, stride=stride, padding=padding), tensors, bn, training)

    x = torch.relu(conv_norm(x, "stem.conv", "stem.norm", 1))
    for stage, unit in itertools.product(range(3), range((net.depth - 2) // 6)):
        name, stride = f"stages.{stage}.{unit}", 2 if stage > 0 and unit == 0 else 1
        y = torch.relu(conv_norm(x, f"{name}.branch.conv1", f"{name}.branch.norm1", stride))
        y = conv_norm(y, f"{name}.branch.conv2", f"{name}.branch.norm2", 1)
        projected = net.shortcut.kind == "C" or (net.shortcut.kind == "B" and stride == 2)
        if projected:
            y = y + conv_norm(x, f"{name}.shortcut.conv", f"{name}.shortcut.norm", stride)
        elif net.shortcut.kind != "none":
            padded = torch.zeros_like(y)
            padded[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
            y = y + padded
        x = torch.relu(y)
    return F.linear(x.flatten(2).mean(2), tensors["head.weight"], tensors["head.bias"])


def dense_by_hand(net, tensors, x, training):
    def linear_norm(x, linear, bn):
        return norm(F.linear(x, tensors[f"{linear}.weight"]), tensors, bn, training)

    x = torch.relu(linear_norm(x.flatten(1), "stem.linear", "stem.norm"))
    for unit in range((net.depth - 2) // 2):
        name = f"stages.0.{unit}"
        y = torch.relu(linear_norm(x, f"{name}.branch.linear1", f"{name}.branch.norm1"))
        y = linear_norm(y, f"{name}.branch.linear2", f"{name}.branch.norm2")
        if net.shortcut.kind == "C":
            y = y + linear_norm(x, f"{name}.shortcut.linear", f"{name}.shortcut.norm")
        elif net.shortcut.kind != "none":
            y = y + x
        x = torch.relu(y)
    return F.linear(x, tensors["head.weight"], tensors["head.bias"])


def assert_equals_twin_by_hand(net, side, training):
    """Logits and every gradient agree in float64, with norms that are not at their start."""
    torch.manual_seed(0)
    stack = nets.build(net, channels=2, side=side, classes=5, seed=3).double().train(training)
    with torch.no_grad():
        for module in stack.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                    tensor.uniform_(0.5, 1.5)
    x = torch.randn(3, 2, side, side, dtype=torch.float64)
    tensors = {**dict(stack.named_buffers()), **dict(stack.named_parameters())}
    by_hand = cifar_by_hand if isinstance(net, Cifar) else dense_by_hand
    expected = by_hand(net, tensors, x, training)
    parameters = list(stack.parameters())
    expected_gradients = torch.autograd.grad(expected.square().sum(), parameters)
    logits = stack(x)
    torch.testing.assert_close(logits, expected)
    gradients = torch.autograd.grad(logits.square().sum(), parameters)
    # A weight before a norm in training mode has a gradient made of differences: compare by the largest.
    scale = max(gradient.abs().max().item() for gradient in expected_gradients)
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-6, atol=1e-10 * scale)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("shortcut", SHORTCUTS, ids=lambda shortcut: shortcut.kind)
@pytest.mark.parametrize("side", [8, 9, 13])
def test_cifar_net_equals_its_twin_by_hand(side, shortcut, training):
    assert_equals_twin_by_hand(Cifar(depth=14, width=3, shortcut=shortcut), side, training)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("shortcut", SHORTCUTS, ids=lambda shortcut: shortcut.kind)
def test_dense_net_equals_its_twin_by_hand(shortcut, training):
    assert_equals_twin_by_hand(Dense(depth=8, width=6, shortcut=shortcut), 4, training)


def relu_before_addition(unit, x):
    branch = unit.after(unit.branch(x))
    return branch if unit.shortcut is None else unit.add(unit.shortcut(x), branch)


def no_relu_after_addition(unit, x):
    return unit.add(unit.shortcut(x), unit.branch(x))


def shortcut_counted_twice(unit, x):
    return unit.after(unit.add(unit.shortcut(x), unit.add(unit.shortcut(x), unit.branch(x))))


def shortcut_forgotten(unit, x):
    return unit.after(unit.branch(x))


FORWARD_FAULTS = [relu_before_addition, no_relu_after_addition, shortcut_counted_twice, shortcut_forgotten]


@pytest.mark.parametrize("fault", FORWARD_FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("net", [Cifar(depth=14, width=3), Dense(depth=8, width=6)], ids=lambda net: net.kind)
def test_a_wrong_unit_is_caught(monkeypatch, net, fault):
    monkeypatch.setattr(units.ResidualUnit, "forward", fault)
    with pytest.raises(AssertionError):
        assert_equals_twin_by_hand(net, 8, training=False)


real_unit = branches.unit


def strides_reversed(net, plan):
    stride = 2 if plan.size_in == plan.size_out == 3 else 1
    return real_unit(net, unit_plan(net.unit, plan.size_in, plan.size_out, stride))


def stride_on_the_second_conv(net, plan):
    unit = real_unit(net, plan)
    unit.branch.conv1.stride, unit.branch.conv2.stride = (1, 1), (plan.stride, plan.stride)
    return unit


def norm_left_out(net, plan):
    unit = real_unit(net, plan)
    unit.branch.norm2 = nn.Identity()
    return unit


def relu_left_out(net, plan):
    unit = real_unit(net, plan)
    unit.branch.relu1 = nn.Identity()
    return unit


def relu_after_the_addition_left_out(net, plan):
    unit = real_unit(net, plan)
    unit.after = nn.Identity()
    return unit


def zeros_padded_in_front(net, plan):
    unit = real_unit(net, plan)
    if isinstance(unit.shortcut, PadChannels):
        extra = plan.size_out - plan.size_in
        unit.shortcut.forward = lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, extra, 0))
    return unit


BUILD_FAULTS = [
    strides_reversed,
    stride_on_the_second_conv,
    norm_left_out,
    relu_left_out,
    relu_after_the_addition_left_out,
    zeros_padded_in_front,
]


@pytest.mark.parametrize("fault", BUILD_FAULTS, ids=lambda fault: fault.__name__)
def test_a_wrong_net_is_caught(monkeypatch, fault):
    monkeypatch.setattr(resnet, "unit", fault)
    with pytest.raises((AssertionError, KeyError)):  # other numbers, or a tensor is missing
        assert_equals_twin_by_hand(Cifar(depth=14, width=3), 8, training=False)
