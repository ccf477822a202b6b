"""The residual unit: y = f(h(x) + F(x)).

F is the branch of weighted layers, h the shortcut, f what follows the addition. With h the identity,
the branch has only to learn the residual F(x) = y − x (He 2015 §3.1). Take h away and y = f(F(x)) is
a plain unit: the same layers, asked for the whole of y.

Every ReLU is a module of its own and nothing is computed in place: hooks and attribution methods
(DeepLift, guided backpropagation) see each step once, or are silently wrong.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import assert_never

import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.experiment import NoShortcut, PadShortcut, ProjectionEverywhere, ProjectionShortcut, Shortcut


class ResidualUnit(nn.Module):
    """y = f(h(x) + F(x)) (He 2015 eq. 1 and 2; the letters are those of He 2016 eq. 1 and 2).

    `branch` is F, `shortcut` is h, `after` is f. With `shortcut=None` the unit is plain: y = f(F(x)).
    h(x) and F(x) must have the same shape, which is also that of y.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None, after: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.add = Add()
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            return self.after(self.branch(x))
        return self.after(self.add(self.shortcut(x), self.branch(x)))


class Add(nn.Module):
    """h(x) + F(x), as a module so that it can be hooked, named and drawn."""

    def forward(self, shortcut: Tensor, branch: Tensor) -> Tensor:
        return branch + shortcut  # in this order, the sum has the memory format of the branch


class PadChannels(nn.Module):
    """Option A where sizes change (He 2015 §3.3): every `stride`-th pixel, then `extra` channels of zeros.

    (N, C, H, W) → (N, C + extra, ⌈H / stride⌉, ⌈W / stride⌉). It has no parameters and multiplies nothing.
    """

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = extra, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))

    def extra_repr(self) -> str:
        return f"extra={self.extra}, stride={self.stride}"


def conv_unit(shortcut: Shortcut, channels_in: int, channels_out: int, stride: int = 1) -> ResidualUnit:
    """The basic unit of two 3×3 convolutions (He 2015 Fig. 5, left).

    (N, channels_in, H, W) → (N, channels_out, ⌈H / stride⌉, ⌈W / stride⌉).
    """
    branch = chain(
        conv1=conv(channels_in, channels_out, 3, stride),
        norm1=nn.BatchNorm2d(channels_out),
        relu1=nn.ReLU(),
        conv2=conv(channels_out, channels_out, 3),
        norm2=nn.BatchNorm2d(channels_out),
    )
    return ResidualUnit(branch, conv_shortcut(shortcut, channels_in, channels_out, stride), after=nn.ReLU())


def conv_shortcut(shortcut: Shortcut, channels_in: int, channels_out: int, stride: int) -> nn.Module | None:
    """h of a convolutional unit, options A, B and C of He 2015 §3.3; None for a plain unit."""
    same_size = channels_in == channels_out and stride == 1
    match shortcut:
        case NoShortcut():
            return None
        case PadShortcut() | ProjectionShortcut() if same_size:
            return nn.Identity()
        case PadShortcut():
            return PadChannels(channels_out - channels_in, stride)
        case ProjectionShortcut() | ProjectionEverywhere():
            return chain(conv=conv(channels_in, channels_out, 1, stride), norm=nn.BatchNorm2d(channels_out))
        case _:
            assert_never(shortcut)


def dense_unit(shortcut: Shortcut, width: int) -> ResidualUnit:
    """The basic unit of two fully connected layers of equal width, (N, width) → (N, width)."""
    branch = chain(
        linear1=nn.Linear(width, width, bias=False),
        norm1=nn.BatchNorm1d(width),
        relu1=nn.ReLU(),
        linear2=nn.Linear(width, width, bias=False),
        norm2=nn.BatchNorm1d(width),
    )
    return ResidualUnit(branch, dense_shortcut(shortcut, width), after=nn.ReLU())


def dense_shortcut(shortcut: Shortcut, width: int) -> nn.Module | None:
    """h of a dense unit. No size ever changes, so options A and B are both the identity."""
    match shortcut:
        case NoShortcut():
            return None
        case PadShortcut() | ProjectionShortcut():
            return nn.Identity()
        case ProjectionEverywhere():
            return chain(linear=nn.Linear(width, width, bias=False), norm=nn.BatchNorm1d(width))
        case _:
            assert_never(shortcut)


def conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size at stride 1; without bias, for a norm follows and has one."""
    return nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=False)


def chain(**modules: nn.Module) -> nn.Sequential:
    """One module after the other, each known by its name."""
    return nn.Sequential(OrderedDict(modules))
