"""Building blocks of units, convolutional or dense: weighted layers, norms, named sequences."""

from __future__ import annotations

from collections import OrderedDict
from typing import assert_never

from torch import nn

from resnet_edu.anatomy.plan import Layer
from resnet_edu.experiment.net import Dense, Net
from resnet_edu.experiment.parts import BatchNorm, GroupNorm, LayerNorm, NoNorm, Norm


def weight_name(net: Net) -> str:
    """The module name of a weighted layer: "conv" or "linear"."""
    return "linear" if isinstance(net, Dense) else "conv"


def conv_or_linear(net: Net, layer: Layer, *, bias: bool | None = None) -> nn.Conv2d | nn.Linear:
    """A convolution, padded so that stride 1 keeps the size; in a dense net, a linear layer.

    By default it has a bias only where the net has no norms, since a norm has its own shift.
    """
    bias = isinstance(net.norm, NoNorm) if bias is None else bias
    if isinstance(net, Dense):
        return nn.Linear(layer.size_in, layer.size_out, bias)
    padding = layer.kernel // 2
    return nn.Conv2d(layer.size_in, layer.size_out, layer.kernel, layer.stride, padding, bias=bias)


def layer_and_norm(net: Net, layer: Layer) -> dict[str, nn.Module]:
    """The layer and, if the net has norms, its norm, by module name."""
    norms = {} if isinstance(net.norm, NoNorm) else {"norm": norm_layer(net, layer.size_out)}
    return {weight_name(net): conv_or_linear(net, layer), **norms}


def norm_layer(net: Net, size: int) -> nn.Module:
    """A norm over `size` channels. Layer norm is one group of all channels (Wu & He 2018 §3.1)."""
    kind: Norm = net.norm
    match kind:
        case BatchNorm():
            return nn.BatchNorm1d(size) if isinstance(net, Dense) else nn.BatchNorm2d(size)
        case GroupNorm():
            return nn.GroupNorm(kind.groups, size)
        case LayerNorm():
            return nn.GroupNorm(1, size)
        case NoNorm():
            raise AssertionError("norm_layer was called for a net without norms")
        case _:
            assert_never(kind)


def sequential(**modules: nn.Module) -> nn.Sequential:
    """`nn.Sequential` of these modules under these names."""
    return nn.Sequential(OrderedDict(modules))
