"""Which images a step sees, computed from the step alone: resuming repeats nothing and skips nothing."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from resnet_edu.randomness import generator_for


def batch_indices(step: int, batch: int, count: int, seed: int) -> Tensor:
    """int64 [batch] on the CPU: places step·batch … (step+1)·batch of an endless stream.

    The stream is one fresh permutation of the `count` training images after another, one an epoch; a
    batch at an epoch's end takes its rest from the next.
    """
    parts, place, end = [], step * batch, (step + 1) * batch
    while place < end:
        epoch, first = divmod(place, count)
        part = _permutation(epoch, count, seed)[first : first + end - place]
        parts.append(part)
        place += len(part)
    return torch.cat(parts)


@lru_cache(maxsize=8)  # two epochs for each of a few nets trained in turn
def _permutation(epoch: int, count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=generator_for(seed, "order", epoch))
