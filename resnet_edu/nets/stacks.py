"""Whole nets: a stem, stages of units, a head. One switch, `net.shortcut`, makes a net plain or residual.

>>> net = build(Cifar(depth=56), channels=3, side=32, classes=10, seed=0)
>>> logits, intermediates = net.trace(images)
>>> intermediates["stages.2.8"].shape
torch.Size([128, 64, 8, 8])
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from resnet_edu.experiment import Cifar, Dense, Net
from resnet_edu.nets.initial import initialise
from resnet_edu.nets.units import ResidualUnit, chain, conv, conv_unit, dense_unit
from resnet_edu.spec import SpecError

SMALLEST_SIDE = 8


class Trace(NamedTuple):
    """Logits (N, classes), and "stem", each unit's output ("stages.0.1") and "pooled", in forward order."""

    logits: Tensor
    intermediates: dict[str, Tensor]


class Stack(nn.Module):
    """A net: head(pool(stages(stem(x)))). Stages are sequences of units, numbered from 0."""

    def __init__(
        self, stem: nn.Module, stages: list[nn.Sequential], pool: nn.Module, head: nn.Module
    ) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.Sequential(*stages)
        self.pool = pool
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, channels, side, side) → logits (N, classes)."""
        return self.head(self.pool(self.stages(self.stem(x))))

    def trace(self, x: Tensor) -> Trace:
        """`forward`, keeping what lies between; gradients with respect to each intermediate can be asked."""
        x = self.stem(x)
        intermediates = {"stem": x}
        for name, unit in self.units():
            intermediates[name] = x = unit(x)
        intermediates["pooled"] = x = self.pool(x)
        return Trace(self.head(x), intermediates)

    def units(self) -> list[tuple[str, ResidualUnit]]:
        """Every unit with its module name, in forward order."""
        return [
            (f"stages.{i}.{j}", cast(ResidualUnit, unit))
            for i, stage in self.stages.named_children()
            for j, unit in stage.named_children()
        ]


class GlobalAveragePool(nn.Module):
    """The mean over all pixels, (N, C, H, W) → (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


def build(net: Net, *, channels: int, side: int, classes: int, seed: int) -> Stack:
    """The net on the CPU with the initial weights of `seed`, in training mode.

    The same arguments give the same bits, and twins share every tensor they both have. The global
    random state is left as it was. Raises `SpecError` as `assemble` does.
    """
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        stack = assemble(net, channels=channels, side=side, classes=classes)
    initialise(stack, seed)
    return stack


def assemble(net: Net, *, channels: int, side: int, classes: int) -> Stack:
    """The net's modules with PyTorch's default weights, on the default device ("meta" costs no memory).

    Takes images of `channels` × `side` × `side` pixels. Raises `SpecError` for a size without pixels,
    channels or classes, and for a CIFAR net on images of fewer than 8 pixels a side.
    """
    smallest = SMALLEST_SIDE if isinstance(net, Cifar) else 1
    if side < smallest:
        raise SpecError(f"side is {side}; a {net.kind} net takes images of {smallest} pixels a side or more")
    for name, size in {"channels": channels, "classes": classes}.items():
        if size < 1:
            raise SpecError(f"{name} is {size}; allowed: 1 …")
    match net:
        case Cifar():
            return _cifar(net, channels, classes)
        case Dense():
            return _dense(net, channels * side * side, classes)


def _cifar(net: Cifar, channels: int, classes: int) -> Stack:
    """He 2015 §4.2: n units for each size of feature map, 6n + 2 weighted layers; the size halves twice."""
    n, k = (net.depth - 2) // 6, net.width
    stem = chain(conv=conv(channels, k, 3), norm=nn.BatchNorm2d(k), relu=nn.ReLU())

    def stage(width_in: int, width: int, stride: int) -> nn.Sequential:
        first = conv_unit(net.shortcut, width_in, width, stride)
        return nn.Sequential(first, *(conv_unit(net.shortcut, width, width) for _ in range(n - 1)))

    stages = [stage(k, k, stride=1), stage(k, 2 * k, stride=2), stage(2 * k, 4 * k, stride=2)]
    return Stack(stem, stages, GlobalAveragePool(), nn.Linear(4 * k, classes))


def _dense(net: Dense, pixels: int, classes: int) -> Stack:
    """n units of one width, 2n + 2 weighted layers; there are no pixels left to pool."""
    n, k = (net.depth - 2) // 2, net.width
    linear = nn.Linear(pixels, k, bias=False)
    stem = chain(flatten=nn.Flatten(), linear=linear, norm=nn.BatchNorm1d(k), relu=nn.ReLU())
    stage = nn.Sequential(*(dense_unit(net.shortcut, k) for _ in range(n)))
    return Stack(stem, [stage], nn.Identity(), nn.Linear(k, classes))


def layers(net: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weighted layers, nearest the input first: module name, weight.

    As many as the net's depth says, for plain nets and option A. A projection, which the paper does
    not count, has ".shortcut." in its name and follows the two layers that it bridges.
    """
    return [
        (name, module.get_parameter("weight"))
        for name, module in net.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    ]
