"""A data set in memory: uint8 images, labels, and the mean and scale that normalise them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.nn.functional import interpolate


class Images(Protocol):
    """uint8 images [N, C, H, W]: a tensor, or `Photographs` that are decoded on demand."""

    @property
    def shape(self) -> Sequence[int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, chosen: Any, /) -> Tensor: ...

    def narrow(self, dim: int, start: int, length: int) -> Self: ...

    def tensor_split(self, pieces: int, /) -> Iterable[Tensor]: ...


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """Images uint8 [N, C, H, W] with H = W and labels int64 [N], all on one device.

    mean   of the training images, in units of the brightest value, 255: float32 [C, H, W] for each pixel
           (He 2015 §4.2), or [C, 1, 1] for each colour
    scale  their standard deviation about the mean, in the same units: one number, or float32 [C, 1, 1]
    """

    train_images: Images
    train_labels: Tensor
    test_images: Images
    test_labels: Tensor
    class_names: tuple[str, ...]
    mean: Tensor
    scale: float | Tensor

    @property
    def channels(self) -> int:
        return self.train_images.shape[1]

    @property
    def side(self) -> int:
        return self.train_images.shape[2]

    @property
    def classes(self) -> int:
        return len(self.class_names)


def normalise(images: Tensor, data: DataSet) -> Tensor:
    """uint8 [B, C, H, W] → float32, the same shape: (images / 255 − mean) / scale."""
    return (images.float() / 255 - data.mean) / data.scale


def statistics(images: Tensor) -> tuple[Tensor, float]:
    """Mean float32 [C, H, W] and scale of uint8 images [N, C, H, W], from exact integer sums.

    If all images are equal, the scale is 1, since a deviation of 0 cannot be divided by.
    """
    total = sum(chunk.sum(0, dtype=torch.int64) for chunk in torch.split(images, 1000))
    mean = torch.as_tensor(total).double() / (255 * len(images))
    counts = torch.bincount(images.flatten(), minlength=256)
    mean_square = float((counts * torch.arange(256) ** 2).sum()) / (255**2 * images.numel())
    variance = mean_square - float(mean.square().mean())
    return mean.float(), variance**0.5 if variance > 1e-12 else 1.0


def resize(images: Tensor, side: int) -> Tensor:
    """uint8 [N, C, H, W] → uint8 [N, C, side, side], bilinear and antialiased."""
    if images.shape[-2:] == (side, side):
        return images
    resized = images.new_empty(*images.shape[:2], side, side)
    for source, target in zip(torch.split(images, 1000), torch.split(resized, 1000), strict=True):
        smooth = interpolate(source.float(), (side, side), mode="bilinear", antialias=True)
        target.copy_(smooth.round())
    return resized
