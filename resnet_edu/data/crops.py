"""Crops of a photograph: a random square in training, its centre or ten crops in a test.

The crop is taken from the image with its short side resized to `scale` pixels (He 2015 §3.4). All random
parameters of a step depend on the experiment's seed and the step only, not on the process that uses them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from resnet_edu.experiment.image_reading import open_upright
from resnet_edu.randomness import generator_for


@dataclasses.dataclass(frozen=True)
class CropParams:
    """The random parameters of a step's crops.

    scales  short sides in pixels, int64 [B]
    places  positions, float64 [B, 2] in 0 … 1, as a share of the rows and columns left over
    flips   whether to mirror, bool [B]
    """

    scales: Tensor
    places: Tensor
    flips: Tensor


def draw_crops(batch: int, scales: tuple[int, int], seed: int, step: int) -> CropParams:
    """Draw a step's crops; short sides are uniform in `scales`, both ends included."""
    generator = generator_for(seed, "views", step)
    low, high = scales
    return CropParams(
        torch.randint(low, high + 1, (batch,), generator=generator),
        torch.rand(batch, 2, generator=generator, dtype=torch.float64),
        torch.randint(2, (batch,), generator=generator).bool(),
    )


def training_crop(path: Path, side: int, scale: int, place: tuple[float, float], flip: bool) -> Tensor:
    """uint8 [3, side, side]: a square of the image, resized, mirrored if `flip`.

    path   of the image
    side   of the result, in pixels
    scale  short side of the whole image, in pixels, of which the result is a crop
    place  position of the crop, 0 … 1 of the rows and columns left over
    flip   mirror left to right

    It crops before resizing, so that only the crop is resized.
    """
    from torchvision.transforms.v2 import functional

    image = functional.pil_to_tensor(open_upright(path, scale))
    top, left, length = square(image.shape[1], image.shape[2], side / scale, place)
    size = [side, side]
    crop: Tensor = functional.resized_crop(image, top, left, length, length, size, antialias=True)
    if flip:
        crop = functional.horizontal_flip(crop)
    return crop


def square(height: int, width: int, share: float, place: tuple[float, float]) -> tuple[int, int, int]:
    """Top, left and side, in pixels, of a square whose side is `share` of the image's short side."""
    length = max(1, round(share * min(height, width)))
    top, left = (int(at * (rest - length + 1)) for at, rest in zip(place, (height, width), strict=True))
    return top, left, length


def centre_crop(path: Path, side: int, scale: int) -> Tensor:
    """uint8 [3, side, side]: the centre of the image."""
    from torchvision.transforms.v2 import functional

    crop: Tensor = functional.center_crop(_resized(path, scale), [side, side])
    return crop


def ten_crops(path: Path, side: int, scale: int) -> Tensor:
    """uint8 [10, 3, side, side]: four corners, the centre, and their mirror images (Krizhevsky 2012 §4.1)."""
    from torchvision.transforms.v2 import functional

    return torch.stack(functional.ten_crop(_resized(path, scale), [side, side]))


def _resized(path: Path, scale: int) -> Tensor:
    from torchvision.transforms.v2 import functional

    pixels = functional.pil_to_tensor(open_upright(path, scale))
    resized: Tensor = functional.resize(pixels, [scale], antialias=True)
    return resized
