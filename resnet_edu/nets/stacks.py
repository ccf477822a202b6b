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

from resnet_edu.anatomy.plan import NetPlan, last_activation, plan
from resnet_edu.experiment.net import Dense, Net
from resnet_edu.nets.branches import activation, unit
from resnet_edu.nets.checkpointing import recomputed
from resnet_edu.nets.initial import initialise, zero_branch
from resnet_edu.nets.parts import chain, normed
from resnet_edu.nets.units import ResidualUnit


class Trace(NamedTuple):
    """Logits (N, classes), and "stem", each unit's output ("stages.0.1") and "pooled", in forward order."""

    logits: Tensor
    intermediates: dict[str, Tensor]


class Stack(nn.Module):
    """A net: head(pool(stages(stem(x)))). Stages are sequences of units, numbered from 0.

    With `checkpointed` set, a training step keeps only what goes from unit to unit and computes the
    rest again on the way back (Chen 2016): less memory, the same numbers, a third more time.
    """

    spec: Net  # what it was built to; after surgery, what it began as
    seed: int | None = None  # of its initial weights, if they are `build`'s
    checkpointed = False

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
        if self.checkpointed and self.training and torch.is_grad_enabled():
            return self.trace(x).logits
        return self.head(self.pool(self.stages(self.stem(x))))

    def trace(self, x: Tensor) -> Trace:
        """`forward`, keeping what lies between; gradients with respect to each intermediate can be asked."""
        again = self.checkpointed and self.training and torch.is_grad_enabled()
        x = self.stem(x)
        intermediates = {"stem": x}
        for name, each in self.units():
            intermediates[name] = x = recomputed(each, x) if again else each(x)
        intermediates["pooled"] = x = self.pool(x)
        return Trace(self.head(x), intermediates)

    def units(self) -> list[tuple[str, ResidualUnit]]:
        """Every unit with its module name, in forward order."""
        return [
            (f"stages.{i}.{j}", cast(ResidualUnit, each))
            for i, stage in self.stages.named_children()
            for j, each in stage.named_children()
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
    initialise(stack, seed, net.init)
    stack.seed = seed
    if net.zero_last:
        for _, each in stack.units():
            zero_branch(each)
    return stack


def assemble(net: Net, *, channels: int, side: int, classes: int) -> Stack:
    """The net's modules with PyTorch's default weights, on the default device ("meta" costs no memory).

    Takes images of `channels` × `side` × `side` pixels. Raises `SpecError` for a size without pixels,
    channels or classes, and for images that are too small for the family: 8 pixels a side for CIFAR's,
    32 for ImageNet's.
    """
    planned = plan(net, channels=channels, side=side, classes=classes)
    stages = [nn.Sequential(*(unit(net, each) for each in stage)) for stage in planned.stages]
    stack = Stack(_stem(net, planned), stages, _pool(net, planned), nn.Linear(planned.features, classes))
    stack.spec = net
    return stack


def _stem(net: Net, planned: NetPlan) -> nn.Module:
    """One layer before the first unit: 3×3, 7×7 with a stride and pooling (ImageNet), or dense."""
    first = {"flatten": nn.Flatten()} if isinstance(net, Dense) else {}
    last = {"pool": nn.MaxPool2d(3, 2, padding=1)} if planned.pools else {}
    return chain(**first, **normed(net, planned.stem), relu=nn.ReLU(), **last)


def _pool(net: Net, planned: NetPlan) -> nn.Module:
    """The mean over pixels, if there are any; pre-activation nets have their last norm and ReLU before it."""
    mean = nn.Identity() if isinstance(net, Dense) else GlobalAveragePool()
    words = last_activation(net.arrangement)
    return chain(activation=activation(net, words, planned.features), mean=mean) if words else mean


def layers(net: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weighted layers, nearest the input first: module name, weight.

    As many as the net's depth says, for plain nets and option A. A projection or gate, which the papers
    do not count, has ".shortcut." or ".gate." in its name and follows the layers that it bridges.
    """
    return [
        (name, module.get_parameter("weight"))
        for name, module in net.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    ]
