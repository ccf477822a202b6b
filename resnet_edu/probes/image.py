"""The one image that a question is about: of the test images, or the asker's own pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from resnet_edu.data import DataSet, normalise
from resnet_edu.photographs import named
from resnet_edu.pictures import fitted

MOST_IMAGES = 10_000


class Asked(NamedTuple):
    """`pixels` uint8 [C, H, W], the net's `inputs` float32 [1, C, H, W], the class asked for, and facts."""

    pixels: np.ndarray
    inputs: Tensor
    target: int
    facts: dict[str, Any]


def asked(
    net: nn.Module, data: DataSet, image: int | None, pixels: np.ndarray | None, target: int | None
) -> Asked:
    """The test image with this number, or `pixels`, uint8 of the net's size.

    `target` is by default the image's true class; of the asker's own pixels, the one that the net says.
    The facts: label (None of own pixels), target, predicted, probabilities, class_names. Raises
    `ValueError` for what is out of range, and where not one of the two is given.
    """
    picture, label = _picture(data, image, pixels)
    inputs = normalise(picture[None], data)
    with torch.no_grad():
        probabilities = net(inputs).softmax(1)[0]
    predicted = int(probabilities.argmax())
    if target is None:
        target = predicted if label is None else label
    facts = {
        "label": label,
        "target": within("target", target, data.classes),
        "predicted": predicted,
        "probabilities": probabilities.tolist(),
        "class_names": list(data.class_names),
    }
    return Asked(picture.numpy(), inputs, target, facts)


def within(name: str, value: Any, count: int) -> int:
    """`value`, if it is one of 0 … count − 1; else `ValueError`."""
    if type(value) is not int or not 0 <= value < count:
        raise ValueError(f"{name} is {value!r}; allowed: 0 … {count - 1}")
    return value


def at_least_one(name: str, value: Any, most: int) -> int:
    """`value`, if it is one of 1 … most; else `ValueError`."""
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"{name} is {value!r}; allowed: 1 … {most}")
    return value


def photograph_for(data: DataSet, name: str) -> np.ndarray:
    """The shipped photograph of this name as the net takes pictures, uint8 [C, H, W]; raises `ValueError`."""
    return fitted(named(name).pixels(), data.channels, data.side, 1.0)


def _picture(data: DataSet, image: int | None, pixels: np.ndarray | None) -> tuple[Tensor, int | None]:
    if (image is None) == (pixels is None):
        raise ValueError("give the number of a test image as image, or pixels: one of the two")
    if pixels is None:
        if not len(data.test_labels):
            raise ValueError("this net comes without test images: give pixels")
        image = within("image", image, len(data.test_labels))
        return data.test_images[image], int(data.test_labels[image])
    size = (data.channels, data.side, data.side)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape != size:
        given = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise ValueError(f"pixels are {given}; this net takes uint8 {size}")
    return torch.from_numpy(np.ascontiguousarray(pixels)), None
