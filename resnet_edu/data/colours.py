"""The colours of a training set: their mean, their spread, and the directions in which they vary most."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import torch
from torch import Tensor

from resnet_edu.randomness import generator_for


@dataclasses.dataclass(frozen=True, eq=False)
class Colours:
    """Of pixels in units of the brightest value, 255: `mean` float32 [3, 1, 1]; `scale`, the standard
    deviation about it over all three channels; `components` float32 [3, 3], whose columns are the
    covariance's eigenvectors, each as long as its eigenvalue."""

    mean: Tensor
    scale: float
    components: Tensor


def colours(batches: Iterable[Tensor]) -> Colours:
    """Of uint8 images [N, 3, H, W], from exact whole-number sums: how they are split changes no bit."""
    count, total, products = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    for images in batches:
        pixels = images.cpu().transpose(0, 1).flatten(1).double()
        count += pixels.shape[1]
        total += pixels.sum(1)
        products += pixels @ pixels.T  # whole numbers below 2⁵³ for up to 10¹¹ pixels
    mean = total / count
    covariance = (products / count - mean.outer(mean)) / 255**2
    values, vectors = torch.linalg.eigh(covariance)
    upright = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()  # else either sign
    variance = float(values.clamp(min=0).mean())
    return Colours(
        mean=(mean / 255).float().view(3, 1, 1),
        scale=variance**0.5 if variance > 1e-12 else 1.0,
        components=(upright * values.clamp(min=0)).float(),
    )


def draw_lighting(batch: int, deviation: float, components: Tensor, seed: int, step: int) -> Tensor:
    """Colour shifts float32 [B, 3], one for every image, in units of the brightest value.

    Krizhevsky 2012 §4.1: to each pixel is added Σ αᵢ λᵢ pᵢ with α ~ N(0, deviation²), drawn once an
    image; pᵢ and λᵢ are the eigenvectors and eigenvalues of the pixels' covariance.
    """
    alphas = deviation * torch.randn(batch, 3, generator=generator_for(seed, "lighting", step))
    return alphas @ components.cpu().T
