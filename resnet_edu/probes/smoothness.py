"""Are the gradients of a deep net shattered? Their cosine at an image and at a point close to it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.data import DataSet, normalise
from resnet_edu.methods import NEARBY
from resnet_edu.probes.arguments import check_int
from resnet_edu.probes.image import MOST_IMAGES
from resnet_edu.runs.answers import ProbeAnswer

TOGETHER = 64


def smoothness(net: nn.Module, data: DataSet, *, count: int = 128, seed: int = 0) -> ProbeAnswer:
    """Cosine of the gradient of the true class's score by the pixels, in eval mode, at each of the first
    `count` test images and at a point 1 % of the image's length away, in a random direction of `seed`.

    Arrays: `cosine`, float32 [count], or fewer if the set has fewer images. Facts: `count`, `mean`, `sd`.
    Raises `ValueError` for a net without test images.

    Balduzzi 2017 §2: in deep plain nets, gradients at nearby inputs become like independent noise,
    exponentially in depth; with skips much later. Training changes both: compare nets at the same step.
    """
    check_int("count", count, 1, MOST_IMAGES)
    if not len(data.test_labels):
        raise ValueError("this net comes without test images to measure on")
    inputs, labels = normalise(data.test_images[:count], data), data.test_labels[:count]
    here, there = (_gradients(net, each, labels) for each in (inputs, inputs + nudges(inputs, seed)))
    cosine = F.cosine_similarity(here.flatten(1), there.flatten(1), eps=1e-30)
    sd = cosine.std().item() if len(cosine) > 1 else None
    return ProbeAnswer(
        {"count": len(cosine), "mean": cosine.mean().item(), "sd": sd}, {"cosine": cosine.numpy()}
    )


def nudges(inputs: Tensor, seed: int) -> Tensor:
    """Random moves of images [N, C, H, W], each 1 % of its image's own length."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype)
    lengths: Tensor = inputs.flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)
    return NEARBY * noise * lengths.view(-1, 1, 1, 1)


def _gradients(net: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    found = []
    for some, truth in zip(inputs.split(TOGETHER), labels.split(TOGETHER), strict=True):
        pixels = some.clone().requires_grad_()
        score = net(pixels).gather(1, truth[:, None]).sum()
        found.append(torch.autograd.grad(score, pixels)[0])
    return torch.cat(found)
