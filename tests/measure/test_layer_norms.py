"""The fused norms against autograd and snapshots of the weights before and after the step."""

import pytest
import torch
import torch.nn.functional as F

from resnet_edu import nets
from resnet_edu.data import normalise
from resnet_edu.measure import layer_norms


def steps(net, digits, optimizer, count):
    """Each step measured twice: fused, and by looking at everything before and after it."""
    weights = [weight for _, weight in nets.layers(net)]
    for step in range(count):
        chosen = slice(20 * step, 20 * step + 20)
        loss = F.cross_entropy(
            net(normalise(digits.train_images[chosen], digits)), digits.train_labels[chosen]
        )
        gradients = torch.autograd.grad(loss, weights, retain_graph=True)
        before = [weight.detach().clone() for weight in weights]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        slow = [
            [gradient.double().norm().item() for gradient in gradients],
            [weight.detach().double().norm().item() for weight in weights],
            [(w.detach().double() - b.double()).norm().item() for w, b in zip(weights, before, strict=True)],
        ]
        yield layer_norms(weights, optimizer), torch.tensor(slow)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("decay", [1e-4, 0.0])
def test_norms_are_those_of_what_is_seen_before_and_after(net, digits, momentum, decay, fused):
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum, weight_decay=decay, fused=fused)
    for norms, slow in steps(net, digits, optimizer, 3):
        assert norms.shape == (3, len(nets.layers(net)))
        assert norms.dtype == torch.float32
        torch.testing.assert_close(norms, slow, rtol=2e-4, atol=1e-7)


@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_strong_decay_is_in_the_update_and_not_in_the_gradient(net, digits, momentum):
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum, weight_decay=1.0)
    for norms, slow in steps(net, digits, optimizer, 3):
        torch.testing.assert_close(norms[:2], slow[:2], rtol=2e-4, atol=1e-7)
        rough = 2e-4 if momentum else 0.011  # without momentum: up to lr × decay
        torch.testing.assert_close(norms[2], slow[2], rtol=rough, atol=1e-7)


def test_the_learning_rate_of_this_step_counts(net, digits):
    optimizer = torch.optim.SGD(net.parameters(), 0.1, 0.9)
    for lr, (norms, slow) in zip((0.1, 0.01, 0.0), _with_lr(net, digits, optimizer), strict=True):
        torch.testing.assert_close(norms, slow, rtol=2e-3, atol=1e-7)
        assert (norms[2] == 0).all() == (lr == 0)


def _with_lr(net, digits, optimizer):
    measured = steps(net, digits, optimizer, 3)
    for lr in (0.1, 0.01, 0.0):
        optimizer.param_groups[0]["lr"] = lr
        yield next(measured)


@pytest.mark.parametrize(("momentum", "decay"), [(0.9, 0.0), (0.9, 0.1), (0.0, 0.1)])
def test_a_layer_without_a_gradient_has_the_norm_zero(net, digits, momentum, decay):
    weights = [weight for _, weight in nets.layers(net)]
    weights[1].requires_grad_(False)
    trained = [weight for weight in net.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(trained, 0.1, momentum, weight_decay=decay)
    F.cross_entropy(net(normalise(digits.train_images, digits)), digits.train_labels).backward()
    optimizer.step()
    norms = layer_norms(weights, optimizer)
    assert norms[0, 1] == norms[2, 1] == 0
    assert norms[1, 1] == weights[1].norm()
    assert (norms[:, 0] > 0).all()


def test_measuring_changes_nothing(net, digits):
    optimizer = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=1e-4)
    F.cross_entropy(net(normalise(digits.train_images, digits)), digits.train_labels).backward()
    optimizer.step()
    parameters = list(net.parameters())
    before = [
        (p.detach().clone(), p.grad.clone(), optimizer.state[p]["momentum_buffer"].clone())
        for p in parameters
    ]
    layer_norms([weight for _, weight in nets.layers(net)], optimizer)
    for p, (weight, gradient, buffer) in zip(parameters, before, strict=True):
        assert torch.equal(p, weight)
        assert torch.equal(p.grad, gradient)
        assert torch.equal(optimizer.state[p]["momentum_buffer"], buffer)


def test_what_is_not_finite_is_passed_on(net, digits):
    weights = [weight for _, weight in nets.layers(net)]
    optimizer = torch.optim.SGD(net.parameters(), 0.1, 0.9)
    F.cross_entropy(net(normalise(digits.train_images, digits)), digits.train_labels).backward()
    weights[2].grad[0] = torch.inf
    optimizer.step()
    norms = layer_norms(weights, optimizer)
    assert norms[:, 2].tolist() == [torch.inf] * 3
    assert norms[:, [0, 1]].isfinite().all()
