"""How a photograph is seen: a random square of it in training, its centre or ten crops in a test.

A view is cut out of an image whose short side was resized to `scale` pixels (He 2015 §3.4). All draws
of a step follow from the experiment's seed and the step, whichever process uses them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from resnet_edu.data.folder import open_upright
from resnet_edu.randomness import generator_for


@dataclasses.dataclass(frozen=True)
class Draws:
    """What is random about a step's views: short sides int64 [B], places float64 [B, 2] within 0 … 1 (of
    the rows and of the columns that are left over), and whether they are mirrored, bool [B]."""

    scales: Tensor
    places: Tensor
    flips: Tensor


def draw_views(batch: int, scales: tuple[int, int], seed: int, step: int) -> Draws:
    """`scales` are the least and the greatest short side, either drawn as often as any between them."""
    generator = generator_for(seed, "views", step)
    low, high = scales
    return Draws(
        torch.randint(low, high + 1, (batch,), generator=generator),
        torch.rand(batch, 2, generator=generator, dtype=torch.float64),
        torch.randint(2, (batch,), generator=generator).bool(),
    )


def training_view(path: Path, side: int, scale: int, place: tuple[float, float], flip: bool) -> Tensor:
    """uint8 [3, side, side]. The square is cut out first, so that only what is seen is resized."""
    from torchvision.transforms.v2 import functional

    image = functional.pil_to_tensor(open_upright(path, scale))
    top, left, length = square(image.shape[1], image.shape[2], side / scale, place)
    size = [side, side]
    view = functional.resized_crop(image, top, left, length, length, size, antialias=True)
    return functional.horizontal_flip(view) if flip else view


def square(height: int, width: int, share: float, place: tuple[float, float]) -> tuple[int, int, int]:
    """Top, left and side of a square within an image, in whole pixels; its side is a share of the image's."""
    length = max(1, round(share * min(height, width)))
    top, left = (int(at * (rest - length + 1)) for at, rest in zip(place, (height, width), strict=True))
    return top, left, length


def centre_view(path: Path, side: int, scale: int) -> Tensor:
    """uint8 [3, side, side]: the centre."""
    from torchvision.transforms.v2 import functional

    return functional.center_crop(_resized(path, scale), [side, side])


def ten_crops(path: Path, side: int, scale: int) -> Tensor:
    """uint8 [10, 3, side, side]: four corners, the centre, and their mirror images (Krizhevsky 2012 §4.1)."""
    from torchvision.transforms.v2 import functional

    return torch.stack(functional.ten_crop(_resized(path, scale), [side, side]))


def _resized(path: Path, scale: int) -> Tensor:
    from torchvision.transforms.v2 import functional

    return functional.resize(functional.pil_to_tensor(open_upright(path, scale)), [scale], antialias=True)
