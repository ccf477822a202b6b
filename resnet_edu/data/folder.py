"""Decode photographs: upright, RGB, and no larger than needed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from resnet_edu.experiment.folder import DataMissing

if TYPE_CHECKING:
    from PIL.Image import Image


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


def open_upright(path: Path, short: int) -> Image:
    """The image in RGB, turned as its EXIF data say, on white where it is transparent. A large JPEG is
    decoded at ½, ¼ or ⅛ of its size, with a short side of at least `short` pixels. Raises what PIL raises for
    a broken file, and `ValueError` for one of another kind and for more than 8 bits."""
    from PIL import Image, UnidentifiedImageError

    from resnet_edu import pictures

    try:
        opened = Image.open(path)
    except UnidentifiedImageError:
        with path.open("rb") as file:
            raise ValueError(f"it is {pictures.kind_of(file.read(1000))}") from None
    with opened as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"{image.mode} pixels have more than 8 bits; save the image with 8")
        (width, height), least = image.size, min(image.size)
        image.draft("RGB", (-(-short * width // least), -(-short * height // least)))  # at ½, ¼ or ⅛
        return pictures.upright_on_white(image)


def _centre(path: Path, side: int) -> npt.NDArray[np.uint8]:
    from PIL import Image

    colour = open_upright(path, 2 * side)  # as sharp as from the full image, much faster
    width, height = colour.size
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2
    square = (left, top, left + short, top + short)
    resized = colour.resize((side, side), Image.Resampling.BILINEAR, box=square)
    return np.asarray(resized).transpose(2, 0, 1)
