"""Greedy layer-wise training (Bengio 2007): the net grows unit by unit, and what it has stays as it is.

In each phase the net ends after its first units, and only the newest of them and the head learn. The last
phase trains the whole net. A net that is trained in one phase is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from resnet_edu.experiment import Recipe
from resnet_edu.nets import ResNet


def units_of(recipe: Recipe, phase: int, units: int) -> range:
    """The units that are new in this phase, of so many `units`; all of them in the last one."""
    if phase >= recipe.greedy:
        return range(units)
    ends = [round(units * i / recipe.greedy) for i in range(recipe.greedy + 1)]
    return range(ends[phase], ends[phase + 1])


def enter_phase(net: ResNet, recipe: Recipe, step: int) -> None:
    """Make the net what it is at this step: how many units it has, and which parameters learn."""
    if not recipe.greedy:
        return
    phase, units = recipe.phase_at(step), net.units()
    new = units_of(recipe, phase, len(units))
    whole = phase == recipe.greedy
    net.active_units = None if whole else new.stop
    net.stem.requires_grad_(whole or phase == 0)
    for i, (_, unit) in enumerate(units):
        unit.requires_grad_(i in new)


@contextmanager
def whole_net(net: ResNet) -> Iterator[None]:
    """Meanwhile the net has all its units, and a gradient by every parameter."""
    active, learning = net.active_units, [(p, p.requires_grad) for p in net.parameters()]
    net.active_units = None
    net.requires_grad_(True)
    try:
        yield
    finally:
        net.active_units = active
        for parameter, learns in learning:
            parameter.requires_grad_(learns)
