"""Small nets of every kind, random images for them, and what must be as it was after any question."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from resnet_edu.data import DataSet

sys.path.insert(0, str(Path(__file__).parents[1] / "nets"))


@pytest.fixture(scope="session")
def noise() -> DataSet:
    """Images as the variants of `net_variants` take them: 2 × 8 × 8, three classes."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (24, 2, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.arange(24) % 3
    mean = torch.full((2, 8, 8), 0.5)
    return DataSet(images, labels, images[8:], labels[8:], ("a", "b", "c"), mean, 0.3)


@pytest.fixture
def untouched() -> Iterator[Callable[[torch.nn.Module], None]]:
    """`untouched(net)`: after the test the net has its tensors, mode and no hooks, whatever happened."""
    seen = []

    def watch(net: torch.nn.Module) -> None:
        seen.append((net, {name: tensor.clone() for name, tensor in net.state_dict().items()}, net.training))

    yield watch
    for net, before, training in seen:
        assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
        assert all(module.training == training for module in net.modules())
        assert all(parameter.grad is None for parameter in net.parameters())
        for module in net.modules():
            assert not module._forward_hooks
            assert not module._forward_pre_hooks
            assert not module._backward_hooks
