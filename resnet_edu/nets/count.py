"""What a net costs, counted exactly: parameters and multiply-adds, per layer and in total.

>>> with torch.device("meta"):
...     net = assemble(Cifar(depth=1202), channels=3, side=32, classes=10)
>>> parameters(net)
19421274
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Row(NamedTuple):
    """One layer, for one image.

    name        module name in the net
    kind        module class, such as "Conv2d"
    shape       of the output, without the batch dimension
    parameters  trainable numbers of this module
    macs        multiply-adds of a convolution or linear layer; 0 for norms
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    macs: int


def parameters(net: nn.Module) -> int:
    """Number of trainable values: weights, biases, and the norms' scales and shifts."""
    return sum(parameter.numel() for parameter in net.parameters())


def macs(net: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-adds of convolutions and linear layers for one image, as He 2015 counts (its "FLOPs").

    `input_shape` is one image's, (channels, side, side). Raises what the net raises for a wrong one.
    """
    return sum(row.macs for row in table(net, input_shape))


def table(net: nn.Module, input_shape: tuple[int, ...]) -> list[Row]:
    """One row per layer with parameters, in forward order, measured on one blank image of `input_shape`.

    Runs a copy of the net on the net's own device ("meta" computes nothing); the net itself is not changed.
    """
    rows: list[Row] = []
    twin = copy.deepcopy(net).eval()
    for name, module in twin.named_modules():
        if list(module.parameters(recurse=False)):
            module.register_forward_hook(lambda m, _, y, name=name: rows.append(_row(name, m, y)))
    like = next(twin.parameters())
    with torch.no_grad():
        twin(torch.zeros(1, *input_shape, device=like.device, dtype=like.dtype))
    return rows


def _row(name: str, module: nn.Module, output: Tensor) -> Row:
    multiplies = 0
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        # Each number of the output is a sum over one output channel's weights.
        multiplies = output.numel() * module.weight[0].numel()
    return Row(name, type(module).__name__, tuple(output.shape[1:]), parameters(module), multiplies)
