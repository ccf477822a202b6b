"""Every shortcut, order, unit and norm, small, in convolutional and dense form."""

import dataclasses
import itertools

import pytest
import torch
from torch import nn

from resnet_edu import nets
from resnet_edu.experiment.net import ORDERS, Cifar, Dense
from resnet_edu.experiment.parts import (
    Basic,
    Bottleneck,
    ConvShortcut,
    DropoutShortcut,
    ExclusiveGate,
    GroupNorm,
    Highway,
    LayerNorm,
    NoNorm,
    NoShortcut,
    PadShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
    ScaledShortcut,
    ShortcutGate,
)
from resnet_edu.experiment.spec import SpecError

SHORTCUTS = [
    NoShortcut(),
    PadShortcut(),
    ProjectionShortcut(),
    ProjectionEverywhere(),
    ScaledShortcut(alpha=0.5, branch=0.7),
    ExclusiveGate(bias=-1),
    ShortcutGate(bias=-1),
    ConvShortcut(),
    DropoutShortcut(drop=0.5),
    Highway(bias=-1),
]
UNITS = [
    Basic(1),
    Basic(2),
    Basic(3),
    Basic(8),
    Basic(2, nested=True),
    Basic(3, nested=True),
    Basic(8, True),
    Bottleneck(),
]
NORMS = [GroupNorm(2), LayerNorm(), NoNorm()]


def made(kind, **settings):
    """The smallest net with two units a stage, or None for settings that exclude each other."""
    stages = 3 if kind is Cifar else 1
    depth = 2 + 2 * stages * settings.get("unit", Basic()).depth
    try:
        return kind(depth=max(depth, 8 if kind is Cifar else 4), width=4, **settings)
    except SpecError:
        return None


def label(net):
    unit = (
        net.unit.kind + (str(net.unit.layers) if isinstance(net.unit, Basic) else "") + "n" * net.unit.nested
    )
    return f"{net.kind}-{net.shortcut.kind}-{net.order}-{unit}-{net.norm.kind}"


def crossed():
    """Shortcuts × orders, then every unit and norm with a few of them, in both forms."""
    settings = [{"shortcut": s, "order": o} for s, o in itertools.product(SHORTCUTS, ORDERS)]
    some = [NoShortcut(), PadShortcut()]
    settings += [
        {"shortcut": s, "order": o, "unit": u}
        for u, s, o in itertools.product(UNITS, some, ("original", "full-preactivation"))
    ]
    settings += [
        {"shortcut": s, "order": o, "norm": n}
        for n, s, o in itertools.product(NORMS, some, ("original", "bn-after-addition", "full-preactivation"))
    ]
    settings += [{"shortcut": s, "unit": Basic(8, nested=True)} for s in SHORTCUTS[3:6]]
    settings += [{"shortcut": s, "norm": n} for s in SHORTCUTS[3:6] for n in NORMS]
    found = {net: None for kind in (Cifar, Dense) for s in settings if (net := made(kind, **s)) is not None}
    return list(found)


def covering(nets_):
    """Few nets of many: every shortcut, order, unit and norm in both forms; and every order, unit and norm
    both plain and residual. Chosen greedily, in order."""

    def parts(net):
        inner = [net.order, label(net).split("-")[-2], net.norm.kind]
        shortcut = (net.kind, net.shortcut.kind)
        return {shortcut, *((net.kind, part) for part in inner), *((net.plain, part) for part in inner)}

    missing, chosen = set().union(*map(parts, nets_)), []
    while missing:
        best = max(nets_, key=lambda net: len(parts(net) & missing))
        chosen.append(best)
        missing -= parts(best)
    return chosen


ALL = crossed()
COVERING = covering(ALL)
ONE_OF_EACH = [net for net in ALL if net.order == "original" and net.norm.kind == "batch"]


def numbers_over(nets_):
    """Parameters for a test of numbers: the covering subset, the others in `make soak`."""
    few = covering(nets_)
    return [net if net in few else pytest.param(net, marks=pytest.mark.soak) for net in nets_]


def built(net, *, double=False, seed=0):
    stack = nets.build(net, channels=2, side=8, classes=3, seed=seed)
    return stack.double() if double else stack


def on_meta(net, channels=2, side=8, classes=3):
    """Shapes and names without a number."""
    with torch.device("meta"):
        return nets.assemble(net, channels=channels, side=side, classes=classes)


def images(count=3, *, double=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 2, 8, 8, generator=generator, dtype=torch.float64 if double else torch.float32)


def shake(stack, seed=0):
    """Norms that are not at their start, so that nothing is hidden by ones and zeros."""
    generator = torch.Generator().manual_seed(seed)
    for module in stack.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                tensor.data.uniform_(0.5, 1.5, generator=generator)
        elif isinstance(module, nn.GroupNorm):
            for tensor in (module.weight, module.bias):
                tensor.data.uniform_(0.5, 1.5, generator=generator)
    return stack


def with_shortcut(net, shortcut):
    return dataclasses.replace(net, shortcut=shortcut)
