"""Units that compute y = x: proof that a deeper net with the shallower one's loss exists (He 2015 §1).

A residual unit is the identity once its branch is zero, in training as in eval mode. A plain unit has to
be told in every layer: Dirac kernels, and norms whose running mean and variance are 0 and 1. That holds
in eval mode only: in training mode a norm uses the batch's statistics, and no choice of weights makes
it the identity. It also needs inputs that ReLU lets through, which those of the usual orders are.
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

SHUT = -40.0  # σ(−40) is lost when subtracted from 1, in float64 too


class SurgeryError(ValueError):
    """What cannot be done to this net, and why."""


def make_identity(unit: ResidualUnit, net: Net) -> None:
    """Set a unit of `net` that keeps the size so that y = x, to rounding and in eval mode.

    Raises `SurgeryError` where the net's norm, order or unit leaves no such weights.
    """
    if net.unit.nested:
        raise SurgeryError("a branch with skips inside is never zero, so the unit cannot be the identity")
    share = _branch_share(net)
    if share:
        survival = unit.add.survival if isinstance(unit.add, StochasticAdd) else 1.0
        if not survival:
            raise SurgeryError("the branch never survives, so it cannot make up for the scaled shortcut")
        share /= survival  # by which eval mode multiplies the branch
        _make_multiple(unit, net, share)
    else:
        zero_branch(unit)
    for gate in (module for module in unit.modules() if isinstance(module, Gate)):
        nn.init.zeros_(gate.layer.weight)
        nn.init.constant_(gate.layer.get_parameter("bias"), SHUT)
    if unit.shortcut is not None and isinstance(net.shortcut, (ProjectionEverywhere, ConvShortcut)):
        _pass_through(unit.shortcut)
    _pass_through(unit.after)


def _branch_share(net: Net) -> float:
    """c, such that y = x if F(x) = cx."""
    match net.shortcut:
        case ScaledShortcut(alpha=alpha, branch=0.0) if alpha != 1:
            raise SurgeryError(f"y = {alpha:g}x whatever the branch is, so the unit cannot be the identity")
        case ScaledShortcut(alpha=alpha, branch=beta):
            return 0.0 if alpha == 1 else (1 - alpha) / beta
        case ExclusiveGate() | ShortcutGate() | Highway():
            return 0.0  # with the gate shut
    return 1.0 if net.plain else 0.0


def _make_multiple(unit: ResidualUnit, net: Net, factor: float) -> None:
    """F(x) = factor · x for x ≥ 0."""
    if net.preactivated:
        raise SurgeryError(f"in the order {net.order} the branch's ReLU does not pass what is below zero")
    if isinstance(net.unit, Bottleneck):
        raise SurgeryError("a bottleneck is narrower than x and cannot pass all of it")
    if factor < 0 and net.arrangement == "relu-before-addition":
        raise SurgeryError("the branch ends in a ReLU and cannot subtract")
    _pass_through(unit.branch)
    last_layer(unit.branch).get_parameter("weight").data.mul_(factor)


def _pass_through(part: nn.Module) -> None:
    """Make every layer and norm in `part` the identity, on what ReLU lets through."""
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
                raise SurgeryError("a group or layer norm divides by what it sees: it cannot be the identity")
