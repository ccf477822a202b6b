"""Dropout behind every unit (Srivastava 2014): each training step drops a share of its output's values."""

from __future__ import annotations

from torch import Tensor, nn

from resnet_edu.nets import ResNet
from resnet_edu.nets.units import ResidualUnit


def add_dropout(net: ResNet, share: float) -> None:
    """Drop this share of every unit's output in training mode, and scale the rest up; 0 changes nothing.

    It has no parameters, and evaluations do not drop: so the net that a probe builds needs none of it. The
    draws follow the experiment's seed and the step, as all of a net's (`nets.seed_stochastic_modules`).
    """
    for _, unit in net.units() if share else ():
        unit.add_module("dropout", nn.Dropout(share))
        unit.register_forward_hook(_drop)


def _drop(unit: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    assert isinstance(unit, ResidualUnit)
    dropped: Tensor = unit.get_submodule("dropout")(output)
    return dropped
