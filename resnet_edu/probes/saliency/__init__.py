"""Which pixels a prediction depends on, by nine methods with one call shape (words: `methods.METHODS`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from resnet_edu.data import DataSet, normalise
from resnet_edu.methods import METHODS
from resnet_edu.nets import ResNet
from resnet_edu.probes.image import MOST_IMAGES, asked, at_least_one
from resnet_edu.probes.saliency.maps import attribute, checked
from resnet_edu.probes.saliency.path import difference

__all__ = ["answer", "attribute", "checked", "shown_images"]


def answer(
    net: nn.Module,
    data: DataSet,
    *,
    image: int | None = None,
    pixels: np.ndarray | None = None,
    method: str = "saliency",
    target: int | None = None,
    unit: str | None = None,
    seed: int = 0,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The map float32 [C, H, W] (Grad-CAM's [1, H, W]) of one image for the score (logit) of a class.

    `image` is the number of a test image; or `pixels` uint8 [C, H, W], of the net's size, are asked
    about. `target` is the class: by default the true one; of own pixels the one that the net says.
    `unit`, a name in `ResNet.units()`, is for methods that look at a unit; the last one by default.
    `seed` is of what a method draws.

    Facts besides those of `asked`: method, unit, units (all names), difference (the score less that of
    the mean image) and completeness_error: by how much the map's sum misses that difference, as a share
    of it; None for a method that promises no such thing. Arrays: image, map. Raises `ValueError` for
    what is out of range, and for methods that do not suit the net.
    """
    unit = checked(net, method, unit)
    about = asked(net, data, image, pixels, target)
    found = attribute(net, about.inputs, about.target, method, unit=unit, seed=seed)[0]
    whole = difference(net, about.inputs, about.target)
    error = abs(found.double().sum().item() - whole) / max(abs(whole), 1e-12)
    facts = about.facts | {
        "method": method,
        "unit": unit,
        "units": [name for name, _ in net.units()] if isinstance(net, ResNet) else [],
        "difference": whole,
        "completeness_error": error if METHODS[method].complete else None,
    }
    return facts, {"image": about.pixels, "map": found.float().numpy()}


def shown_images(
    net: nn.Module, data: DataSet, *, count: int = 24
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The first test images, uint8 [count or as many as there are, C, H, W], their labels and what the
    net says of them."""
    at_least_one("count", count, MOST_IMAGES)
    images, labels = data.test_images[:count], data.test_labels[:count]
    with torch.no_grad():
        predicted = net(normalise(images, data)).argmax(1) if len(images) else labels
    facts = {
        "class_names": list(data.class_names),
        "labels": labels.tolist(),
        "predicted": predicted.tolist(),
    }
    return facts, {"images": images.numpy()}
