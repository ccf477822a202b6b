"""The image indices of a step, computed from the step alone: resuming repeats and skips no image."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from resnet_edu.randomness import generator_for


def batch_indices(step: int, batch: int, count: int, seed: int) -> Tensor:
    """int64 [batch] on the CPU: positions step·batch … (step+1)·batch of an endless stream of indices.

    The stream has one new permutation of the `count` training images per epoch; a batch at the end of an
    epoch continues in the next one.
    """
    parts, place, end = [], step * batch, (step + 1) * batch
    while place < end:
        epoch, first = divmod(place, count)
        part = _permutation(epoch, count, seed)[first : first + end - place]
        parts.append(part)
        place += len(part)
    return torch.cat(parts)


@lru_cache(maxsize=8)  # two epochs each for a few nets that train in turn
def _permutation(epoch: int, count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=generator_for(seed, "order", epoch))
