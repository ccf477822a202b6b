"""The image that a probe explains: a test image, or pixels that the request brings along."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from resnet_edu.data import DataSet, normalise
from resnet_edu.photographs import named
from resnet_edu.pictures import fitted
from resnet_edu.probes.arguments import check_int

MOST_IMAGES = 10_000


class ProbeInput(NamedTuple):
    """One image, ready for the net.

    - `pixels`: uint8 [C, H, W].
    - `inputs`: the same, normalised, float32 [1, C, H, W].
    - `target`: the class whose score is explained.
    - `facts`: what every answer about one image says; see `resolve_input`.
    """

    pixels: np.ndarray
    inputs: Tensor
    target: int
    facts: dict[str, Any]


def resolve_input(
    net: nn.Module, data: DataSet, image: int | None, pixels: np.ndarray | None, target: int | None
) -> ProbeInput:
    """The input of a probe about one image.

    - `net`: predicts; its answer is the default target for `pixels`.
    - `data`: what the net was trained on.
    - `image`: the number of a test image; or
    - `pixels`: uint8 [C, H, W] of the net's size. Give one of the two.
    - `target`: a class; by default the image's label, and for `pixels` the predicted class.

    Facts: label (None for `pixels`), target, predicted, probabilities, class_names. Raises `ValueError`.
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
        "target": check_int("target", target, 0, data.classes - 1),
        "predicted": predicted,
        "probabilities": probabilities.tolist(),
        "class_names": list(data.class_names),
    }
    return ProbeInput(picture.numpy(), inputs, target, facts)


def photograph_for(data: DataSet, name: str) -> np.ndarray:
    """The shipped photograph of this name in the net's size, uint8 [C, H, W]; raises `ValueError`."""
    return fitted(named(name).pixels(), data.channels, data.side, 1.0)


def _picture(data: DataSet, image: int | None, pixels: np.ndarray | None) -> tuple[Tensor, int | None]:
    if (image is None) == (pixels is None):
        raise ValueError("give the number of a test image as image, or pixels: one of the two")
    if pixels is None:
        if not len(data.test_labels):
            raise ValueError("this net comes without test images: give pixels")
        image = check_int("image", image, 0, len(data.test_labels) - 1)
        return data.test_images[image], int(data.test_labels[image])
    size = (data.channels, data.side, data.side)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape != size:
        given = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise ValueError(f"pixels are {given}; this net takes uint8 {size}")
    return torch.from_numpy(np.ascontiguousarray(pixels)), None
