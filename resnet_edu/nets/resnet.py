"""Whole nets: a stem, stages of units, a head. One switch, `net.shortcut`, makes a net plain or residual.

>>> net = build(Cifar(depth=56), channels=3, side=32, classes=10, seed=0)
>>> logits, intermediates = net.forward_intermediates(images)
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
from resnet_edu.nets.checkpointing import checkpointed
from resnet_edu.nets.initial import initialise, zero_branch
from resnet_edu.nets.parts import layer_and_norm, sequential
from resnet_edu.nets.units import ResidualUnit


class ForwardResult(NamedTuple):
    """Result of `ResNet.forward_intermediates`.

    logits         float [N, classes]
    intermediates  the outputs of "stem", of each unit ("stages.0.1") and "pooled", in forward order
    """

    logits: Tensor
    intermediates: dict[str, Tensor]


class ResNet(nn.Module):
    """A net: head(pool(stages(stem(x)))). Stages are sequences of units, numbered from 0.

    With `activation_checkpointing`, a training step keeps only the units' outputs and recomputes the rest in
    the backward pass (Chen 2016): less memory, the same numbers, a third more time.
    """

    spec: Net  # the description it was built from; surgery does not update it
    seed: int | None = None  # of the initial weights, if `build` made them
    activation_checkpointing = False
    active_units: int | None = None  # of a net that is still growing: it ends after so many units

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
        if self.activation_checkpointing and self.training and torch.is_grad_enabled():
            return self.forward_intermediates(x).logits
        x = self.stem(x)
        if self.active_units is None:
            x = self.stages(x)
        else:
            for _, each in self.units()[: self.active_units]:
                x = each(x)
        logits: Tensor = self.head(self.pool(x))
        return logits

    def forward_intermediates(self, x: Tensor) -> ForwardResult:
        """As `forward`, and return every intermediate output; autograd can differentiate by each of them. It
        has all units, also while the net is growing."""
        recompute = self.activation_checkpointing and self.training and torch.is_grad_enabled()
        x = self.stem(x)
        intermediates = {"stem": x}
        for name, each in self.units():
            intermediates[name] = x = checkpointed(each, x) if recompute else each(x)
        intermediates["pooled"] = x = self.pool(x)
        return ForwardResult(self.head(x), intermediates)

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


def build(net: Net, *, channels: int, side: int, classes: int, seed: int) -> ResNet:
    """The net on the CPU with the initial weights of `seed`, in training mode.

    The same arguments give the same bits, and twins get equal values in every tensor that both have. The
    global random state does not change. Raises `SpecError` as `assemble` does.
    """
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        stack = assemble(net, channels=channels, side=side, classes=classes)
    initialise(stack, seed, net.init)
    stack.seed = seed
    if net.zero_last:
        for _, each in stack.units():
            zero_branch(each)
    return stack


def assemble(net: Net, *, channels: int, side: int, classes: int) -> ResNet:
    """The net's modules with PyTorch's default weights, on the default device ("meta" costs no memory).

    net       the description
    channels  of the images
    side      height and width of the images in pixels; at least 8 for CIFAR's family, 32 for ImageNet's
    classes   number of logits

    Raises `SpecError` for a size of 0 and for images that are too small for the family.
    """
    planned = plan(net, channels=channels, side=side, classes=classes)
    stages = [nn.Sequential(*(unit(net, each) for each in stage)) for stage in planned.stages]
    stack = ResNet(_stem(net, planned), stages, _pool(net, planned), nn.Linear(planned.features, classes))
    stack.spec = net
    return stack


def _stem(net: Net, planned: NetPlan) -> nn.Module:
    """The layer before the first unit: 3×3, or 7×7 with stride and pooling (ImageNet), or dense."""
    first = {"flatten": nn.Flatten()} if isinstance(net, Dense) else {}
    last = {"pool": nn.MaxPool2d(3, 2, padding=1)} if planned.pools else {}
    return sequential(**first, **layer_and_norm(net, planned.stem), relu=nn.ReLU(), **last)


def _pool(net: Net, planned: NetPlan) -> nn.Module:
    """The mean over pixels (none in a dense net), in pre-activation nets after one more norm and ReLU."""
    mean = nn.Identity() if isinstance(net, Dense) else GlobalAveragePool()
    words = last_activation(net.arrangement)
    return sequential(activation=activation(net, words, planned.features), mean=mean) if words else mean


def layers(net: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weighted layers from input to output: module name and weight.

    Plain nets and option A have as many as the net's depth. The papers do not count projections and gates:
    these have ".shortcut." or ".gate." in their names and come after the layers that they bridge.
    """
    return [
        (name, module.get_parameter("weight"))
        for name, module in net.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    ]
