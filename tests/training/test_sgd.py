"""Our SGD beside PyTorch's own, fused one, to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from resnet_edu.training.sgd import FusedSGD


def a_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 5)).to(
        memory_format=torch.channels_last
    )


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("decay", [1e-4, 0.0, 1.0])
def test_the_same_bits(momentum, decay):
    ours, theirs = a_net(), a_net()
    one = FusedSGD(ours.parameters(), momentum, decay)
    other = torch.optim.SGD(theirs.parameters(), 0.1, momentum, weight_decay=decay, fused=True)
    for lr in (0.1, 0.1, 0.01, 1e-5, 0.0):
        for net, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            net(torch.linspace(-1, 1, 2 * 3 * 64).view(2, 3, 8, 8)).square().sum().backward()
        other.param_groups[0]["lr"] = lr
        other.step()
        one.step(torch.tensor([lr]))
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(a, b)
            if momentum:
                assert torch.equal(one.state[a]["momentum_buffer"], other.state[b]["momentum_buffer"])


def test_what_has_no_gradient_stays(monkeypatch):
    net = a_net()
    net[0].weight.requires_grad_(False)
    sgd = FusedSGD(net.parameters(), 0.9, 1.0)
    before = [parameter.detach().clone() for parameter in net.parameters()]
    net[0](torch.ones(1, 3, 8, 8)).sum().backward()  # reaches neither the frozen weight nor the last layer
    sgd.step(torch.tensor([0.1]))
    changed = [not torch.equal(a, b) for a, b in zip(net.parameters(), before, strict=True)]
    assert changed == [False, True, False, False]
