"""Activation checkpointing (Chen 2016, arXiv 1604.06174): forget what is inside a unit, compute it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(unit: nn.Module, x: Tensor) -> Tensor:
    """unit(x), whose inside is computed again when gradients are asked. Random draws are repeated."""
    contexts = lambda: (nullcontext(), _statistics_kept(unit))  # noqa: E731
    return checkpoint(unit, x, use_reentrant=False, context_fn=contexts)


@contextmanager
def _statistics_kept(unit: nn.Module) -> Iterator[None]:
    """The second pass must not move running statistics once more."""
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
