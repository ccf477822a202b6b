"""Directions in the space of a net's weights, normalised filter by filter (Li 2018, arXiv 1712.09913, §4).

A random direction d is normalised filter by filter: d_ij ← d_ij · ‖θ_ij‖ / ‖d_ij‖ (eq. 1; j is the j-th
filter of layer i; in a dense layer, the weights into one neuron). So a step of 1 moves each filter by its own
norm, and slices of different nets are comparable: rescaling the filters, which does not change a normalised
net, does not stretch the picture. Norms' parameters and all biases stay fixed, as in the authors' published
code. Each tensor's generator is seeded by its name, so a plain net and its residual twin get the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from resnet_edu.randomness import generator_for

Direction = dict[str, Tensor]


def random_direction(parameters: Mapping[str, Tensor], seed: int, axis: int) -> Direction:
    """A filter-normalised Gaussian direction for each weight of two dimensions or more; other parameters
    stay fixed. It depends on seed, axis and the tensors' names and shapes alone."""
    return {
        name: filter_normalised(
            torch.randn(weight.shape, generator=generator_for(seed, "direction", axis, name)), weight
        )
        for name, weight in parameters.items()
        if weight.dim() > 1
    }


def filter_normalised(direction: Tensor, weight: Tensor) -> Tensor:
    """Each of the direction's filters [out, …] with the norm of the weight's (Li 2018 §4 eq. 1)."""
    ours, theirs = (tensor.flatten(1).norm(dim=1) for tensor in (direction, weight.detach()))
    ratio: Tensor = theirs / ours.clamp_min(torch.finfo(ours.dtype).tiny)
    return direction * ratio.view(-1, *(1 for _ in weight.shape[1:]))


def cosine(one: Direction, other: Direction) -> float:
    """Cosine between two directions of the same tensors; near 0 for many weights. NaN if one is zero."""
    lengths = _dot(one, one) * _dot(other, other)
    return _dot(one, other) / math.sqrt(lengths) if lengths else math.nan


def _dot(one: Direction, other: Direction) -> float:
    return sum(float(torch.sum(one[name].double() * other[name].double())) for name in one)
