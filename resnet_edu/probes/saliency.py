"""Which pixels a prediction depends on, by Captum's gradient methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnet_edu.data import DataSet, normalise

METHODS = ("saliency", "integrated_gradients")
STEPS = (64, 256, 1024)
COMPLETE = 0.01


def answer(
    net: nn.Module, data: DataSet, *, image: int, method: str = "saliency", target: int | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The map float32 [C, H, W] of one test image, of the score (logit) of class `target`, by
    default the image's true class.

    `saliency` is |d score / d input| (Simonyan 2013); `integrated_gradients` (Sundararajan 2017) runs
    from the mean image and sums to the score's difference: `completeness_error` is by how much it
    misses, as a share of that difference. The path gets more points until that is within 1 %, or
    1,024 points are reached: deep nets bend often. Raises `ValueError` for what is out of range.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; allowed: {', '.join(METHODS)}")
    if not 0 <= image < len(data.test_labels):
        raise ValueError(f"image is {image}; allowed: 0 … {len(data.test_labels) - 1}")
    label = int(data.test_labels[image])
    target = label if target is None else target
    if not 0 <= target < data.classes:
        raise ValueError(f"target is {target}; allowed: 0 … {data.classes - 1}")
    inputs = normalise(data.test_images[image : image + 1], data)
    with torch.no_grad():
        probabilities = net(inputs).softmax(1)[0]
    attribution, error = _attributed(net, inputs, method, target)
    facts = {
        "method": method,
        "label": label,
        "target": target,
        "predicted": int(probabilities.argmax()),
        "probabilities": probabilities.tolist(),
        "class_names": list(data.class_names),
        "completeness_error": error,
    }
    arrays = {"image": data.test_images[image].numpy(), "map": attribution[0].detach().numpy()}
    return facts, arrays


def _attributed(net: nn.Module, inputs: Tensor, method: str, target: int) -> tuple[Tensor, float | None]:
    from captum.attr import IntegratedGradients, Saliency

    inputs = inputs.clone().requires_grad_()
    if method == "saliency":
        return Saliency(net).attribute(inputs, target=target), None
    baseline = torch.zeros_like(inputs)  # images are centred, so zero is the mean training image
    with torch.no_grad():
        difference = (net(inputs) - net(baseline))[0, target].item()
    for steps in STEPS:
        attribution = IntegratedGradients(net).attribute(
            inputs, baseline, target=target, n_steps=steps, internal_batch_size=256
        )
        error = abs(attribution.sum().item() - difference) / max(abs(difference), 1e-12)
        if error <= COMPLETE:
            break
    return attribution.float(), error


def shown_images(
    net: nn.Module, data: DataSet, *, count: int = 24
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The first test images, uint8 [count, C, H, W], their labels and what the net says of them."""
    images, labels = data.test_images[:count], data.test_labels[:count]
    with torch.no_grad():
        predicted = net(normalise(images, data)).argmax(1)
    facts = {
        "class_names": list(data.class_names),
        "labels": labels.tolist(),
        "predicted": predicted.tolist(),
    }
    return facts, {"images": images.numpy()}
