"""What a net costs, counted exactly: parameters and multiply-adds, per layer and in all.

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
    """One layer: `shape` is that of its output for one image; `macs` its multiply-adds for one image."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    macs: int


def parameters(net: nn.Module) -> int:
    """How many numbers are learned: weights, biases, and the norms' scales and shifts."""
    return sum(parameter.numel() for parameter in net.parameters())


def macs(net: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-adds of convolutions and linear layers for one image, as He 2015 counts (its "FLOPs").

    `input_shape` is one image's, (channels, side, side). Raises what the net raises for a wrong one.
    """
    return sum(row.macs for row in table(net, input_shape))


def table(net: nn.Module, input_shape: tuple[int, ...]) -> list[Row]:
    """A row for every layer that learns, in the order of the forward pass, measured on one blank image.

    The net itself is not touched: a copy of it runs, on the net's device ("meta" computes nothing).
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
