"""Colour statistics of a training set: mean, standard deviation and principal components; colour jitter."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import torch
from torch import Tensor

from resnet_edu.randomness import generator_for


@dataclasses.dataclass(frozen=True, eq=False)
class Colours:
    """Statistics of the pixels, in units of the brightest value, 255.

    mean        float32 [3, 1, 1]
    scale       standard deviation about the mean, over all three channels
    components  float32 [3, 3]: the columns are the covariance's eigenvectors times their eigenvalues
    """

    mean: Tensor
    scale: float
    components: Tensor


def colours(batches: Iterable[Tensor]) -> Colours:
    """Statistics of uint8 images [N, 3, H, W], from exact integer sums (the batches' sizes change no bit)."""
    count, total, products = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    for images in batches:
        pixels = images.cpu().transpose(0, 1).flatten(1).double()
        count += pixels.shape[1]
        total += pixels.sum(1)
        products += pixels @ pixels.T  # integers below 2⁵³ for up to 10¹¹ pixels: exact
    mean = total / count
    covariance = (products / count - mean.outer(mean)) / 255**2
    values, vectors = torch.linalg.eigh(covariance)
    upright = (
        vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
    )  # eigh may return either sign
    variance = float(values.clamp(min=0).mean())
    return Colours(
        mean=(mean / 255).float().view(3, 1, 1),
        scale=variance**0.5 if variance > 1e-12 else 1.0,
        components=(upright * values.clamp(min=0)).float(),
    )


def draw_lighting(batch: int, deviation: float, components: Tensor, seed: int, step: int) -> Tensor:
    """Colour shifts float32 [B, 3], one for every image, in units of the brightest value.

    Krizhevsky 2012 §4.1: every pixel of an image gets Σ αᵢ λᵢ pᵢ, with α ~ N(0, deviation²) drawn once per
    image; pᵢ and λᵢ are the eigenvectors and eigenvalues of the pixels' covariance.
    """
    alphas = deviation * torch.randn(batch, 3, generator=generator_for(seed, "lighting", step))
    return alphas @ components.cpu().T
