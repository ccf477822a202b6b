"""The paper's augmentation (He 2015 §4.2): pad 4 zeros, random crop, random flip for each image.

The images are already normalised, so a padding of 0 is the mean image's value. Drawing and applying are
separate functions: applying is pure tensor arithmetic, which a CUDA graph can capture.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

PADDING = 4


def draw_augmentation(batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Offsets int64 [B, 2] (rows, columns) in 0 … 8, where 4 is no shift, and flips bool [B], p = ½."""
    device = generator.device
    offsets = torch.randint(2 * PADDING + 1, (batch, 2), generator=generator, device=device)
    flips = torch.randint(2, (batch,), generator=generator, device=device).bool()
    return offsets, flips


def apply_augmentation(images: Tensor, offsets: Tensor, flips: Tensor) -> Tensor:
    """Images [B, C, H, W] of any dtype → the same shape, cropped at `offsets`, flipped left to right."""
    batch, channels, height, width = images.shape
    column = torch.arange(width, device=images.device)
    columns = torch.where(flips[:, None], width - 1 - column, column) + offsets[:, 1:]
    rows = torch.arange(height, device=images.device) + offsets[:, :1]
    padded = pad(images, (PADDING,) * 4)
    index = rows[:, :, None] * padded.shape[3] + columns[:, None, :]  # [B, H, W], into a padded channel
    index = index.reshape(batch, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, index).reshape(images.shape)


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Draw and apply: images [B, C, H, W] → the same shape. The generator may be on another device."""
    offsets, flips = draw_augmentation(len(images), generator)
    return apply_augmentation(images, offsets.to(images.device), flips.to(images.device))
