"""torchvision's AlexNet, GoogLeNet and VGG, to compare parameter and multiply-add counts with."""

from __future__ import annotations

import torch
from torch import nn

from resnet_edu.experiment.spec import SpecError
from resnet_edu.nets import count

REFERENCES = ("alexnet", "googlenet", "vgg-16", "vgg-19")


def reference(name: str, *, classes: int = 1000) -> nn.Module:
    """The net on the "meta" device: shapes and sizes, no weights. Raises `SpecError` for other names.

    GoogLeNet comes without its two auxiliary heads. torchvision's version has batch norm, and 3×3
    convolutions where Szegedy 2015 has 5×5.
    """
    if name not in REFERENCES:
        raise SpecError(f"name is {name!r}; allowed: {', '.join(REFERENCES)}")
    from torchvision import models

    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    with torch.device("meta"):
        net: nn.Module = models.get_model(name.replace("-", ""), weights=None, num_classes=classes, **options)
    return net


def counts(name: str, *, side: int = 224, classes: int = 1000) -> tuple[int, int]:
    """Parameters, and multiply-adds for one image of 3 × side × side; raises as `reference` does."""
    net = reference(name, classes=classes)
    return count.parameters(net), count.macs(net, (3, side, side))
