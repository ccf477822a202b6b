"""What the ReLUs let through: mean, spread, and which of them have died."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from resnet_edu.measure.errors import preserve_bn_stats
from resnet_edu.nets import ResNet


@dataclass(frozen=True)
class Activations:
    """One ReLU's output: its module name, mean and standard deviation over all its numbers, and in %
    the share of them that are zero, and of channels (or features) that are zero everywhere on all
    images: dead, as far as these images tell."""

    name: str
    mean: float
    sd: float
    zero: float
    dead: float


@torch.no_grad()
def relu_activations(net: ResNet, inputs: Tensor, *, batch_statistics: bool = True) -> list[Activations]:
    """Every ReLU's, in the order in which the images `inputs` [N, C, H, W] pass them."""
    found: list[Activations] = []
    hooks = []
    try:
        for name, module in net.named_modules():
            if isinstance(module, nn.ReLU):
                keep = _keeper(name, found)
                hooks.append(module.register_forward_hook(keep))
        with preserve_bn_stats(net, training=batch_statistics):
            net(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _keeper(name: str, found: list[Activations]):
    return lambda module, inputs, output: found.append(_summary(name, output))


def _summary(name: str, output: Tensor) -> Activations:
    values = output.double()
    by_channel = output.transpose(0, 1).flatten(1)  # (N, C, H, W) or (N, C), channels first
    return Activations(
        name,
        values.mean().item(),
        values.std().item(),
        100 * (output == 0).double().mean().item(),
        100 * (by_channel == 0).all(1).double().mean().item(),
    )
