"""What training sees of a data set: uint8 images and labels, and the mean and scale that normalise them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.nn.functional import interpolate


class Images(Protocol):
    """What is asked of uint8 images [N, C, H, W]: a tensor has it, and so have photographs on disk."""

    @property
    def shape(self) -> Any: ...

    def __len__(self) -> int: ...

    def __getitem__(self, chosen: Any, /) -> Tensor: ...

    def narrow(self, dim: int, start: int, length: int) -> Self: ...

    def tensor_split(self, pieces: int, /) -> Iterable[Tensor]: ...


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """Images uint8 [N, C, H, W] with H = W, labels int64 [N], all on one device.

    `mean` float32 [C, H, W] is the training images' mean at each pixel (He 2015 §4.2), or [C, 1, 1] that of
    each colour; `scale` their standard deviation about it, one number (or one a channel, [C, 1, 1]); both
    in units of the brightest value, 255.
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
    """uint8 [B, C, H, W] → float32: 0 is the mean training image, 1 a standard deviation from it."""
    return (images.float() / 255 - data.mean) / data.scale


def statistics(images: Tensor) -> tuple[Tensor, float]:
    """Mean float32 [C, H, W] and scale of uint8 images [N, C, H, W], from exact whole-number sums.

    Where all images are equal there is no deviation to divide by, and the scale is 1.
    """
    total = sum(chunk.sum(0, dtype=torch.int64) for chunk in images.split(1000))
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
    for source, target in zip(images.split(1000), resized.split(1000), strict=True):
        smooth = interpolate(source.float(), (side, side), mode="bilinear", antialias=True)
        target.copy_(smooth.round())
    return resized
