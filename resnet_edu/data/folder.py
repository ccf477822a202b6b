"""Decode photographs: upright, RGB, and no larger than needed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from resnet_edu.experiment.folder import DataMissing
from resnet_edu.experiment.image_reading import open_upright

if TYPE_CHECKING:
    pass


def decode(files: Sequence[Path], side: int) -> npt.NDArray[np.uint8]:
    """uint8 [N, 3, side, side]: the centre square of each image, resized to `side` pixels.

    Raises `DataMissing` with the paths of the images that cannot be decoded.
    """
    images = np.empty((len(files), 3, side, side), np.uint8)

    def fill(index: int) -> str | None:
        try:
            images[index] = _centre(files[index], side)
        except Exception as error:  # decoders raise many kinds of errors for broken files
            return f"{files[index]} ({error})"
        return None

    with ThreadPoolExecutor() as pool:
        broken = [message for message in pool.map(fill, range(len(files))) if message]
    if broken:
        more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
        raise DataMissing(f"images that cannot be read: {', '.join(broken[:5])}{more}; repair or remove them")
    return images


def _centre(path: Path, side: int) -> npt.NDArray[np.uint8]:
    from PIL import Image

    colour = open_upright(path, 2 * side)  # as sharp as from the full image, much faster
    width, height = colour.size
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2
    square = (left, top, left + short, top + short)
    resized = colour.resize((side, side), Image.Resampling.BILINEAR, box=square)
    return np.asarray(resized).transpose(2, 0, 1)
