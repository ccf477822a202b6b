"""Which pixels a prediction depends on: nine methods with one signature (described in `methods.METHODS`)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from resnet_edu.data import DataSet, normalise
from resnet_edu.methods import METHODS
from resnet_edu.nets import ResNet
from resnet_edu.probes.arguments import check_int
from resnet_edu.probes.image import MOST_IMAGES, resolve_input
from resnet_edu.probes.saliency.maps import attribute, checked
from resnet_edu.probes.saliency.path import difference
from resnet_edu.runs.answers import ProbeAnswer

__all__ = ["attribute", "checked", "saliency_map", "shown_images"]


def saliency_map(
    net: nn.Module,
    data: DataSet,
    *,
    image: int | None = None,
    pixels: np.ndarray | None = None,
    method: str = "saliency",
    target: int | None = None,
    unit: str | None = None,
    seed: int = 0,
) -> ProbeAnswer:
    """The saliency map of one image for the score (logit) of a class.

    - `image`, `pixels`, `target`: as in `image.resolve_input`.
    - `method`: a name in `methods.METHODS`.
    - `unit`: for methods of a unit, its name in `ResNet.units()`; by default the last one.
    - `seed`: for methods that draw random numbers.

    Arrays: `map`, float32 [C, H, W] (Grad-CAM's [1, H, W]); `image`, uint8 [C, H, W]. Facts: those of
    `resolve_input`; `method`; `unit`; `units`, all names; `difference`, the score minus that of the mean
    image; and `completeness_error`, by how much the map's sum misses that difference, as a share of it; None
    for a method without that property. Raises `ValueError` for values out of range, and for methods that do
    not suit the net.
    """
    unit = checked(net, method, unit)
    about = resolve_input(net, data, image, pixels, target)
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
    return ProbeAnswer(facts, {"image": about.pixels, "map": found.float().numpy()})


def shown_images(net: nn.Module, data: DataSet, *, count: int = 24) -> ProbeAnswer:
    """The first `count` test images (all of them if there are fewer): array `images`, uint8 [count, C, H, W].
    Facts: `class_names`, `labels`, and `predicted` classes."""
    check_int("count", count, 1, MOST_IMAGES)
    images, labels = data.test_images[:count], data.test_labels[:count]
    with torch.no_grad():
        predicted = net(normalise(images, data)).argmax(1) if len(images) else labels
    facts = {
        "class_names": list(data.class_names),
        "labels": labels.tolist(),
        "predicted": predicted.tolist(),
    }
    return ProbeAnswer(facts, {"images": images.numpy()})
