"""Initial weights: He's distribution, twins that share every common bit, nothing left unset."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from resnet_edu import nets
from resnet_edu.experiment import Cifar, Dense, NoShortcut, ProjectionEverywhere, ProjectionShortcut
from resnet_edu.nets.initial import initialise, tensor_seed

SIZES = {"channels": 3, "side": 8, "classes": 10}


def weights(net, seed=0):
    return nets.build(net, **SIZES, seed=seed).state_dict()


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first.keys() & second.keys())


@pytest.mark.parametrize(
    "net", [Cifar(depth=14, width=4), Dense(depth=14, width=8)], ids=lambda net: net.kind
)
@pytest.mark.parametrize(
    "other", [NoShortcut(), ProjectionShortcut(), ProjectionEverywhere()], ids=lambda s: s.kind
)
def test_twins_share_every_common_tensor_bit_for_bit(net, other):
    residual, twin = weights(net), weights(dataclasses.replace(net, shortcut=other))
    assert residual.keys() <= twin.keys()
    assert same(residual, twin)


def test_a_deeper_net_starts_with_the_units_it_has_in_common():
    shallow, deep = weights(Cifar(depth=14, width=4)), weights(Cifar(depth=20, width=4))
    assert shallow.keys() < deep.keys()
    assert same(shallow, deep)


def test_the_seed_decides_every_bit_and_the_global_state_neither_matters_nor_moves():
    torch.manual_seed(1)
    first = weights(Cifar(depth=8, width=4), seed=5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = weights(Cifar(depth=8, width=4), seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert same(first, second)
    third = weights(Cifar(depth=8, width=4), seed=6)
    assert not any(torch.equal(first[name], third[name]) for name in first if first[name].ndim >= 2)


def test_no_two_tensors_start_alike():
    tensors = [
        tensor.flatten()[:9].tolist() for tensor in weights(Cifar(depth=20)).values() if tensor.ndim >= 2
    ]
    assert len({tuple(values) for values in tensors}) == len(tensors)


def test_weights_are_he_normal_by_fan_in():
    stack = nets.build(Cifar(depth=8, width=32, shortcut=ProjectionShortcut()), **SIZES, seed=0)
    for name, weight in nets.layers(stack):
        assert weight.std().item() == pytest.approx(math.sqrt(2 / weight[0].numel()), rel=0.1), name
        assert abs(weight.mean().item()) < 4 * math.sqrt(2 / weight[0].numel() / weight.numel()), name


def test_biases_are_zero_and_norms_do_nothing_yet():
    for name, tensor in weights(Dense(depth=6, width=8, shortcut=ProjectionEverywhere())).items():
        if tensor.ndim < 2:
            expected = (
                1 if name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "running_var")) else 0
            )
            assert (tensor == expected).all(), name


@pytest.mark.parametrize("net", [Cifar(depth=8, width=2), Dense(depth=4, width=3)], ids=lambda net: net.kind)
def test_every_tensor_is_set(net):
    net = dataclasses.replace(net, shortcut=ProjectionEverywhere())
    stack = nets.build(net, **SIZES, seed=0)
    for tensor in stack.state_dict().values():
        tensor.fill_(torch.nan if tensor.is_floating_point() else -1)
    initialise(stack, seed=0)
    assert same(stack.state_dict(), weights(net))


def test_build_makes_a_cpu_net_whatever_the_default_device():
    with torch.device("meta"):
        stack = nets.build(Dense(depth=4, width=3), **SIZES, seed=0)
    assert {parameter.device.type for parameter in stack.parameters()} == {"cpu"}
    assert same(stack.state_dict(), weights(Dense(depth=4, width=3)))


def test_a_module_of_unknown_start_is_refused():
    with pytest.raises(TypeError, match="1 is a PReLU; its initial weights are not defined"):
        initialise(nn.Sequential(nn.Linear(2, 2), nn.PReLU()), seed=0)


def test_seeds_of_tensors_stay_what_recorded_runs_were_trained_with():
    assert tensor_seed(0, "stem.conv.weight") == 3_933_487_494_805_254_807
