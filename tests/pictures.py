"""Folders of little photographs: smooth, so that JPEG keeps them, and of a colour that tells the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZES = ((60, 40), (40, 60), (48, 48), (90, 41))
COLOURS = ((230, 90, 60), (60, 120, 230), (90, 220, 90))


def pixels(size: tuple[int, int], label: int, number: int) -> np.ndarray:
    """uint8 [height, width, 3]: a few waves, brighter in the colour of the class."""
    width, height = size
    random = np.random.RandomState(100 * label + number)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = sum(
        np.sin((random.uniform(2, 12) * rows + random.uniform(2, 12) * columns) / width + 6 * random.rand())
        for _ in range(3)
    )
    shades = (waves / 6 + 0.5)[:, :, None] * np.array(COLOURS[label]) + random.uniform(0, 25, 3)
    return shades.clip(0, 255).astype(np.uint8)


def folder_of_jpegs(root: Path, train: int = 8, test: int = 3, classes: int = 2) -> Path:
    """`train` and `test` photographs of each class, of several sizes and shapes."""
    for split, count in (("train", train), ("test", test)):
        for label in range(classes):
            folder = root / split / f"class-{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                picture = pixels(SIZES[number % len(SIZES)], label, number + 50 * (split == "test"))
                Image.fromarray(picture).save(folder / f"{number}.jpg", quality=95)
    return root
