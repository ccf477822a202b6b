"""What units are made of, convolutional or dense: weighted layers, norms, chains."""

from __future__ import annotations

from collections import OrderedDict
from typing import assert_never

from torch import nn

from resnet_edu.anatomy.plan import Layer
from resnet_edu.experiment.net import Dense, Net
from resnet_edu.experiment.parts import BatchNorm, GroupNorm, LayerNorm, NoNorm, Norm


def word(net: Net) -> str:
    """What a weighted layer is called in module names."""
    return "linear" if isinstance(net, Dense) else "conv"


def weighted(net: Net, layer: Layer, *, bias: bool | None = None) -> nn.Conv2d | nn.Linear:
    """A convolution that keeps the size at stride 1, or in a dense net a linear layer.

    Without bias where the net has norms, for they have one.
    """
    bias = isinstance(net.norm, NoNorm) if bias is None else bias
    if isinstance(net, Dense):
        return nn.Linear(layer.size_in, layer.size_out, bias)
    padding = layer.kernel // 2
    return nn.Conv2d(layer.size_in, layer.size_out, layer.kernel, layer.stride, padding, bias=bias)


def normed(net: Net, layer: Layer) -> dict[str, nn.Module]:
    """The layer and, if the net has norms, its norm, by name."""
    norms = {} if isinstance(net.norm, NoNorm) else {"norm": norm(net, layer.size_out)}
    return {word(net): weighted(net, layer), **norms}


def norm(net: Net, size: int) -> nn.Module:
    """A norm of `size` channels or features. Layer norm is one group of all channels (Wu & He 2018 §3.1)."""
    kind: Norm = net.norm
    match kind:
        case BatchNorm():
            return nn.BatchNorm1d(size) if isinstance(net, Dense) else nn.BatchNorm2d(size)
        case GroupNorm():
            return nn.GroupNorm(kind.groups, size)
        case LayerNorm():
            return nn.GroupNorm(1, size)
        case NoNorm():
            raise AssertionError("a net without norms has none to build")
        case _:
            assert_never(kind)


def chain(**modules: nn.Module) -> nn.Sequential:
    """One module after the other, each known by its name."""
    return nn.Sequential(OrderedDict(modules))
