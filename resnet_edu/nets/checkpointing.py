"""Activation checkpointing (Chen 2016, arXiv 1604.06174): recompute a unit in the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def checkpointed(unit: nn.Module, x: Tensor) -> Tensor:
    """unit(x) without keeping the activations inside: the backward pass recomputes them, with the same random
    draws and without a second update of running statistics."""
    contexts = lambda: (nullcontext(), _frozen_bn_stats(unit))  # noqa: E731
    y: Tensor = checkpoint(unit, x, use_reentrant=False, context_fn=contexts)
    return y


@contextmanager
def _frozen_bn_stats(unit: nn.Module) -> Iterator[None]:
    """Running statistics do not change inside: the recomputation would update them a second time."""
    norms = [m for m in unit.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta = [norm.momentum for norm in norms]
    counts = [norm.num_batches_tracked for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
