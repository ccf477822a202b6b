"""Units that compute y = x: proof that a deeper net with the shallower one's loss exists (He 2015 §1).

A residual unit is the identity once its branch is zero, in training and in eval mode. A plain unit needs
special weights in every layer: Dirac kernels, and norms with running mean 0 and running variance 1. That
holds in eval mode only: in training mode a norm uses the batch's statistics, and no choice of weights makes
it the identity. It also needs inputs that pass ReLU unchanged (x ≥ 0), as in the usual orders.
"""

from __future__ import annotations

from torch import nn

from resnet_edu.experiment.net import Net
from resnet_edu.experiment.parts import (
    Bottleneck,
    ConvShortcut,
    ExclusiveGate,
    Highway,
    ProjectionEverywhere,
    ScaledShortcut,
    ShortcutGate,
)
from resnet_edu.nets.initial import last_layer, zero_branch
from resnet_edu.nets.shortcuts import Gate
from resnet_edu.nets.units import ResidualUnit, StochasticAdd

CLOSED_BIAS = -40.0  # 1 − σ(−40) rounds to 1, in float64 too


class SurgeryError(ValueError):
    """This operation is not possible on this net; the message says why."""


def make_identity(unit: ResidualUnit, net: Net) -> None:
    """Set the weights of a same-size unit of `net` so that y = x, to rounding and in eval mode.

    Raises `SurgeryError` where the net's norm, order or unit has no such weights.
    """
    if net.unit.nested:
        raise SurgeryError("a branch with skips inside is never zero, so the unit cannot be the identity")
    factor = _branch_factor(net)
    if factor:
        survival = unit.add.survival if isinstance(unit.add, StochasticAdd) else 1.0
        if not survival:
            raise SurgeryError("the branch never survives, so it cannot make up for the scaled shortcut")
        factor /= survival  # eval mode multiplies the branch by it
        _set_branch_to_multiple(unit, net, factor)
    else:
        zero_branch(unit)
    for gate in (module for module in unit.modules() if isinstance(module, Gate)):
        nn.init.zeros_(gate.layer.weight)
        nn.init.constant_(gate.layer.get_parameter("bias"), CLOSED_BIAS)
    if unit.shortcut is not None and isinstance(net.shortcut, (ProjectionEverywhere, ConvShortcut)):
        _set_to_identity(unit.shortcut)
    _set_to_identity(unit.after)


def _branch_factor(net: Net) -> float:
    """The factor c for which F(x) = c·x gives y = x."""
    match net.shortcut:
        case ScaledShortcut(alpha=alpha, branch=0.0) if alpha != 1:
            raise SurgeryError(f"y = {alpha:g}x whatever the branch is, so the unit cannot be the identity")
        case ScaledShortcut(alpha=alpha, branch=beta):
            return 0.0 if alpha == 1 else (1 - alpha) / beta
        case ExclusiveGate() | ShortcutGate() | Highway():
            return 0.0  # with the gate closed
    return 1.0 if net.plain else 0.0


def _set_branch_to_multiple(unit: ResidualUnit, net: Net, factor: float) -> None:
    """Set the branch to F(x) = factor · x, for x ≥ 0."""
    if net.preactivated:
        raise SurgeryError(f"in the order {net.order} the branch's ReLU sets negative inputs to zero")
    if isinstance(net.unit, Bottleneck):
        raise SurgeryError("a bottleneck has fewer channels than x, so it cannot pass all of x")
    if factor < 0 and net.arrangement == "relu-before-addition":
        raise SurgeryError("the branch ends in a ReLU and cannot subtract")
    if net.arrangement == "relu-before-addition" and _may_be_negative(net):
        raise SurgeryError("units' outputs may be negative here, and the branch's ReLU sets those to zero")
    _set_to_identity(unit.branch)
    last_layer(unit.branch).get_parameter("weight").data.mul_(factor)


def _may_be_negative(net: Net) -> bool:
    """Whether a sum of terms that are never negative gets a negative factor, so that it may be."""
    return isinstance(net.shortcut, ScaledShortcut) and min(net.shortcut.alpha, net.shortcut.branch) < 0


def _set_to_identity(part: nn.Module) -> None:
    """Make every layer and norm in `part` the identity for x ≥ 0."""
    for module in part.modules():
        match module:
            case nn.Conv2d():
                nn.init.dirac_(module.weight)
            case nn.Linear():
                nn.init.eye_(module.weight)
            case nn.BatchNorm1d() | nn.BatchNorm2d() if module.running_mean is not None:
                module.reset_parameters()
                nn.init.constant_(module.get_buffer("running_var"), 1 - module.eps)
            case nn.GroupNorm():
                raise SurgeryError(
                    "a group or layer norm divides by its input's spread, so it cannot be the identity"
                )
