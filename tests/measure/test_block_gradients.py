"""The gradients at every block's output against hooks and a backward pass."""

import math

import pytest
import torch
import torch.nn.functional as F

from resnet_edu.data import normalise
from resnet_edu.measure import block_gradients
from resnet_edu.measure.blocks import nudge
from resnet_edu.randomness import generator_for


def by_hand(net, inputs, labels, training=True):
    """Each unit's output gradient, caught by a hook on a copy of nothing: the net itself, run slowly."""
    outputs = {}
    hooks = [
        unit.register_forward_hook(lambda m, x, y, name=name: (y.retain_grad(), outputs.update({name: y}))[0])
        for name, unit in net.units()
    ]
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    F.cross_entropy(net.train(training)(inputs), labels).backward()
    for name, buffer in net.named_buffers():
        buffer.copy_(buffers[name])
    for hook in hooks:
        hook.remove()
    net.zero_grad()
    return {name: output.grad.clone() for name, output in outputs.items()}


@pytest.fixture
def batch(digits):
    return normalise(digits.train_images[:12], digits), digits.train_labels[:12]


@pytest.mark.parametrize("batchwise", [True, False], ids=["batch", "running"])
def test_norms_and_cosines_are_those_of_hooks(net, batch, batchwise):
    inputs, labels = batch
    draws = generator_for(0, "nearby")
    found = block_gradients(net, inputs, labels, draws, batch_statistics=batchwise)
    here = by_hand(net, inputs, labels, batchwise)
    there = by_hand(net, inputs + nudge(inputs, generator_for(0, "nearby")), labels, batchwise)
    assert found.names == list(here) == [name for name, _ in net.units()]
    for i, name in enumerate(found.names):
        assert found.gradient[i] == pytest.approx(here[name].double().norm().item(), rel=1e-4)
        cosines = []
        for one, other in zip(here[name], there[name], strict=True):
            one, other = one.flatten().tolist(), other.flatten().tolist()
            product = math.fsum(a * b for a, b in zip(one, other, strict=True))
            cosines.append(product / math.hypot(*one) / math.hypot(*other))
        assert found.correlation[i] == pytest.approx(math.fsum(cosines) / len(cosines), rel=1e-3, abs=1e-5)
        assert -1 <= found.correlation[i] <= 1


def test_a_nearby_input_is_one_percent_away(batch):
    inputs, _ = batch
    inputs = inputs * torch.linspace(0.1, 3, 12).view(-1, 1, 1, 1)
    moved = nudge(inputs, generator_for(0, "nearby"))
    ratio = moved.flatten(1).norm(dim=1) / inputs.flatten(1).norm(dim=1)
    torch.testing.assert_close(ratio, torch.full((12,), 0.01))
    assert torch.equal(moved, nudge(inputs, generator_for(0, "nearby")))
    assert not torch.equal(moved, nudge(inputs, generator_for(1, "nearby")))


def test_an_empty_image_has_no_nearby_one():
    assert torch.equal(nudge(torch.zeros(2, 1, 8, 8), generator_for(0)), torch.zeros(2, 1, 8, 8))


def test_small_gradients_are_compared_too(net, batch):
    """Plain nets without end have gradients of 1e-11 and less; their angle is still one."""
    inputs, labels = batch
    with torch.no_grad():
        net.head.weight.mul_(1e-12)
    found = block_gradients(net, inputs, labels, generator_for(0, "nearby"))
    assert 0 < found.gradient[-1] < 1e-9
    assert found.correlation[-1] > 0.5


@pytest.mark.parametrize("training", [True, False])
def test_measuring_gradients_leaves_no_trace(net, batch, training):
    net.train(training)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    block_gradients(net, *batch, generator_for(0))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert net.training == training
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks or module._backward_hooks for module in net.modules())
