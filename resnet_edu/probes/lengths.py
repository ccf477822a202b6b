"""Exact counts of a net's paths by length, computed from its modules (Veit 2016 §3 and §4.2).

A list of counts is a polynomial: its k-th coefficient counts the paths of length k. Modules in sequence
multiply their polynomials; the two terms of an addition add theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import reduce

from torch import nn

from resnet_edu.nets import ResNet
from resnet_edu.nets.shortcuts import Gate
from resnet_edu.nets.surgery import ZeroBranch
from resnet_edu.nets.units import ResidualUnit

Counts = list[int]


def in_units(net: ResNet) -> Counts:
    """Paths by the number of branches on them: 1 + z for a residual unit, z for a plain one."""
    return product([0, 1] if unit.shortcut is None else _sum([1], _branch(unit)) for _, unit in net.units())


def _branch(unit: ResidualUnit) -> Counts:
    return [0, 0] if isinstance(unit.branch, ZeroBranch) else [0, 1]


def in_layers(module: nn.Module) -> Counts:
    """Paths through the module by the number of weighted layers on them.

    A projection is a layer on its shortcut, and skips inside a branch fork again. A gate only multiplies
    a term, so its own layer is on no path.
    """
    if isinstance(module, Gate):
        return [1]
    if isinstance(module, ZeroBranch):
        return []
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        return [0, 1]
    if isinstance(module, ResidualUnit):
        sides = (in_layers(side) for side in (module.shortcut, module.branch) if side is not None)
        return reduce(_sum, sides)
    return product(in_layers(child) for child in module.children())


def product(parts: Iterable[Sequence[int]]) -> Counts:
    """Polynomial product: lengths add, counts multiply."""
    whole: Counts = [1]
    for part in parts:
        longer = [0] * max(len(whole) + len(part) - 1, 0)
        for i, ways in enumerate(whole):
            for j, more in enumerate(part):
                longer[i + j] += ways * more
        whole = longer
    return whole


def _sum(one: Sequence[int], other: Sequence[int]) -> Counts:
    length = max(len(one), len(other))
    return [sum(side[k] for side in (one, other) if k < len(side)) for k in range(length)]


def as_floats(counts: Sequence[int]) -> list[float]:
    """Counts as floats; infinite beyond 2¹⁰²³, which nets of 1,024 units exceed."""
    return [float(count) if count < 2**1023 else math.inf for count in counts]


def shares(counts: Sequence[int]) -> list[float]:
    """Each count as a share of all, in %, also where the counts exceed a float."""
    total = sum(counts)
    return [100 * count / total for count in counts]
