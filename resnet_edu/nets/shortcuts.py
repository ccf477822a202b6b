"""What h can be: the identity, option A, B or C (He 2015 §3.3), or one of He 2016 Fig. 2."""

from __future__ import annotations

from typing import assert_never

import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.anatomy.plan import Layer, UnitPlan, ends_in_norm
from resnet_edu.experiment.net import Dense, Net
from resnet_edu.experiment.parts import (
    ConvShortcut,
    DropoutShortcut,
    ExclusiveGate,
    Highway,
    NoShortcut,
    PadShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
    ScaledShortcut,
    Shortcut,
    ShortcutGate,
)
from resnet_edu.nets.parts import conv_or_linear, layer_and_norm, sequential, weight_name


class PadChannels(nn.Module):
    """Option A where sizes change (He 2015 §3.3): every `stride`-th pixel, then `extra` channels of zeros.

    (N, C, H, W) → (N, C + extra, ⌈H / stride⌉, ⌈W / stride⌉). No parameters, no multiplications.
    """

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = extra, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))

    def extra_repr(self) -> str:
        return f"extra={self.extra}, stride={self.stride}"


class PadFeatures(nn.Module):
    """Option A in a dense net: append `extra` zeros, (N, C) → (N, C + extra)."""

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, self.extra))

    def extra_repr(self) -> str:
        return f"extra={self.extra}"


class Gate(nn.Module):
    """T(x) = σ(Wx + b), one value between 0 and 1 for each number of the unit's output.

    `bias` is b's initial value: at −6 the gate passes 0.25 % of the branch and 99.75 % of x.
    """

    def __init__(self, layer: nn.Conv2d | nn.Linear, bias: float) -> None:
        super().__init__()
        self.layer = layer
        self.sigmoid = nn.Sigmoid()
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        t: Tensor = self.sigmoid(self.layer(x))
        return t

    def extra_repr(self) -> str:
        return f"bias={self.bias:g}"


class GatedShortcut(nn.Module):
    """(1 − g(x)) · h(x), the shortcut-only gate of He 2016 Fig. 2d."""

    def __init__(self, gate: nn.Module, inner: nn.Module) -> None:
        super().__init__()
        self.gate, self.inner = gate, inner

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = (1 - self.gate(x)) * self.inner(x)
        return h


def shortcut_of(net: Net, plan: UnitPlan) -> nn.Module | None:
    """h of a unit; None in a plain unit."""
    kind: Shortcut = net.shortcut
    match kind:
        case NoShortcut():
            return None
        case ProjectionEverywhere():
            return projection(net, plan)
        case ProjectionShortcut():
            return nn.Identity() if plan.same_size else projection(net, plan)
        case ConvShortcut():
            return sequential(**{weight_name(net): conv_or_linear(net, _one_by_one(plan))})
        case ShortcutGate():
            return GatedShortcut(gate(net, plan, kernel=1, bias=kind.bias), identity_or_pad(net, plan))
        case DropoutShortcut():
            return dropout(identity_or_pad(net, plan), kind.drop)
        case PadShortcut() | ScaledShortcut() | ExclusiveGate() | Highway():
            return identity_or_pad(net, plan)
        case _:
            assert_never(kind)


def gate_of(net: Net, plan: UnitPlan) -> Gate | None:
    """T of a unit whose branch is gated too; None in all other units."""
    match net.shortcut:
        case ExclusiveGate(bias=bias):
            return gate(net, plan, kernel=1, bias=bias)
        case Highway(bias=bias):
            return gate(net, plan, kernel=3, bias=bias)
    return None


def identity_or_pad(net: Net, plan: UnitPlan) -> nn.Module:
    """Option A: the identity, or zero padding where the size changes. No parameters."""
    if plan.same_size:
        return nn.Identity()
    extra = plan.size_out - plan.size_in
    return PadFeatures(extra) if isinstance(net, Dense) else PadChannels(extra, plan.stride)


def projection(net: Net, plan: UnitPlan) -> nn.Module:
    """A 1×1 layer, followed by a norm if the branch ends in one."""
    layer = _one_by_one(plan)
    if ends_in_norm(net.arrangement):
        return sequential(**layer_and_norm(net, layer))
    return sequential(**{weight_name(net): conv_or_linear(net, layer)})


def dropout(shortcut: nn.Module, drop: float) -> nn.Module:
    """The shortcut followed by dropout with probability `drop`, drawn from PyTorch's global generator."""
    if isinstance(shortcut, nn.Identity):
        return nn.Dropout(drop)
    return sequential(pad=shortcut, dropout=nn.Dropout(drop))


def gate(net: Net, plan: UnitPlan, *, kernel: int, bias: float) -> Gate:
    """T(x) of a unit: a layer of `kernel` × `kernel` from the unit's input to its output size, then σ."""
    layer = Layer(plan.size_in, plan.size_out, kernel, plan.stride)
    return Gate(conv_or_linear(net, layer, bias=True), bias)


def _one_by_one(plan: UnitPlan) -> Layer:
    return Layer(plan.size_in, plan.size_out, 1, plan.stride)
