"""Statistics of ReLU outputs: mean, standard deviation, shares of zeros and of dead channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from resnet_edu.measure.errors import preserve_bn_stats
from resnet_edu.nets import ResNet


@dataclass(frozen=True)
class Activations:
    """One ReLU's output.

    name  module name
    mean  over all values
    sd    standard deviation over all values
    zero  share of values that are zero, in %
    dead  share of channels (or features) that are zero everywhere on all of these images, in %
    """

    name: str
    mean: float
    sd: float
    zero: float
    dead: float


@torch.no_grad()
def relu_activations(net: ResNet, inputs: Tensor, *, batch_statistics: bool = True) -> list[Activations]:
    """Statistics of every ReLU in forward order, for `inputs` float [N, C, H, W], normalised."""
    found: list[Activations] = []
    hooks: list[RemovableHandle] = []
    try:
        for name, module in net.named_modules():
            if isinstance(module, nn.ReLU):
                hooks.append(module.register_forward_hook(_recorder(name, found)))
        with preserve_bn_stats(net, training=batch_statistics):
            net(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _recorder(name: str, found: list[Activations]) -> Callable[[nn.Module, object, Tensor], None]:
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
