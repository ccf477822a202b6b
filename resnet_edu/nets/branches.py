"""What F can be: 1 … 8 layers or a bottleneck, in one of the five orders of He 2016 Fig. 4; and whole units.

    original                 x → conv norm ReLU conv norm → (+) → ReLU
    bn-after-addition        x → conv norm ReLU conv → (+) → norm ReLU
    relu-before-addition     x → conv norm ReLU conv norm ReLU → (+)
    relu-only-preactivation  x → ReLU conv norm ReLU conv norm → (+)
    full-preactivation       x → norm ReLU conv norm ReLU conv → (+)

`anatomy.plan.arrange` gives the order as words; `branch_of` turns the words into modules.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from resnet_edu.anatomy.plan import UnitPlan, Words, arrange, unit_plan
from resnet_edu.experiment.net import Cifar, Dense, Net
from resnet_edu.experiment.parts import NoNorm, ScaledShortcut, Shortcut
from resnet_edu.nets.parts import conv_or_linear, norm_layer, sequential, weight_name
from resnet_edu.nets.shortcuts import gate_of, shortcut_of
from resnet_edu.nets.units import (
    GatedUnit,
    PreactivatedGatedUnit,
    PreactivatedUnit,
    ResidualUnit,
    ScaledAdd,
    StochasticAdd,
)


def unit(net: Net, plan: UnitPlan) -> ResidualUnit:
    """One unit of a net: (N, size_in, H, W) → (N, size_out, ⌈H / stride⌉, ⌈W / stride⌉); dense (N, size)."""
    words = arrange(net.arrangement, len(plan.layers), plan.opening)
    branch, after = branch_of(net, plan, words), activation(net, words.after, plan.size_out)
    shortcut, gate = shortcut_of(net, plan), gate_of(net, plan)
    made: ResidualUnit
    if gate is not None and shortcut is not None:
        gated = PreactivatedGatedUnit if words.before else GatedUnit
        made = gated(branch, shortcut, after, gate)
    else:
        made = (PreactivatedUnit if words.before else ResidualUnit)(branch, shortcut, after)
    if isinstance(made, PreactivatedUnit):
        made.before = activation(net, words.before, plan.size_in)
    if isinstance(net.shortcut, ScaledShortcut):
        made.add = ScaledAdd(net.shortcut.alpha, net.shortcut.branch)
    if plan.survival < 1:
        made.add = StochasticAdd(made.add, plan.survival)
    made.plan = plan
    return made


def branch_of(net: Net, plan: UnitPlan, words: Words) -> nn.Module:
    """F of a unit. Its i-th layer is named conv{i} or linear{i}, its norm norm{i}, its ReLU relu{i}."""
    if plan.nested:
        first, second = (unit(net, half) for half in plan.halves())
        second.after = nn.Identity()  # what follows the inner addition follows the outer one instead
        return sequential(first=first, second=second)
    made: dict[str, nn.Module] = {}
    size = plan.size_in
    for name in words.branch:
        layer = plan.layers[int(name[-1]) - 1]
        if name.startswith("conv"):
            made[name.replace("conv", weight_name(net))] = conv_or_linear(net, layer)
            size = layer.size_out
        elif name.startswith("relu"):
            made[name] = nn.ReLU()
        elif not isinstance(net.norm, NoNorm):
            made[name] = norm_layer(net, size)
    return sequential(**made)


def activation(net: Net, words: Iterable[str], size: int) -> nn.Module:
    """The module for `words`: 'norm', 'relu', both, or none (then the identity), over `size` channels."""
    made: dict[str, nn.Module] = {
        name: nn.ReLU() if name == "relu" else norm_layer(net, size)
        for name in words
        if name == "relu" or not isinstance(net.norm, NoNorm)
    }
    if len(made) > 1:
        return sequential(**made)
    return next(iter(made.values()), nn.Identity())


def conv_unit(shortcut: Shortcut, channels_in: int, channels_out: int, stride: int = 1) -> ResidualUnit:
    """The basic unit of two 3×3 convolutions (He 2015 Fig. 5, left).

    (N, channels_in, H, W) → (N, channels_out, ⌈H / stride⌉, ⌈W / stride⌉).
    """
    net = Cifar(shortcut=shortcut)
    return unit(net, unit_plan(net.unit, channels_in, channels_out, stride))


def dense_unit(shortcut: Shortcut, width: int) -> ResidualUnit:
    """The basic unit of two fully connected layers of equal width, (N, width) → (N, width)."""
    net = Dense(shortcut=shortcut)
    return unit(net, unit_plan(net.unit, width, width))
