"""Operations on trained nets. Each returns a changed copy; all other tensors stay equal to the bit.

>>> deeper = insert_identity(net, after="stages.0.1", count=3)   # the same function, six layers more
>>> lesioned, where = random_lesions(net, 3, seed=0)             # three units lose their branch (Veit 2016)

Units have the names of `ResNet.units()`. Impossible operations raise `SurgeryError`. Only
`set_residual_scale` changes the net itself.
"""

from __future__ import annotations

import copy
import dataclasses
import random

import torch
from torch import Tensor, nn

from resnet_edu.anatomy.plan import INSIDE, Layer, UnitPlan, plan, unit_plan
from resnet_edu.experiment.names import name_of
from resnet_edu.experiment.net import Net
from resnet_edu.nets.branches import unit
from resnet_edu.nets.identity import SurgeryError, make_identity
from resnet_edu.nets.initial import initialise, zero_branch
from resnet_edu.nets.resnet import ResNet
from resnet_edu.nets.shortcuts import Gate, identity_or_pad
from resnet_edu.nets.units import ResidualUnit, ScaledAdd, StochasticAdd

__all__ = [
    "SurgeryError",
    "deepen",
    "delete",
    "freeze",
    "insert_identity",
    "interchangeable",
    "linearise",
    "random_lesions",
    "random_units",
    "rewind",
    "scale",
    "set_residual_scale",
    "swap",
]


def insert_identity(net: ResNet, after: str, *, count: int = 1, seed: int = 0) -> ResNet:
    """The net with `count` new identity units after the unit `after`.

    In eval mode the logits are equal, to rounding. In training mode they are equal where the new branches
    are zero (residual nets), but not in plain nets or after projections, whose norms use the batch's
    statistics (see `identity.py`). The numbers of later units grow. Weights that the identity does not fix
    (the new units' first layers) are initialised with `seed`.
    """
    deeper = copy.deepcopy(net)
    stage, place = _stage_of(deeper, after)
    before = _unit(deeper, after)
    if not net.spec.preactivated and not _has_relu(before):
        raise SurgeryError(f"{after} was linearised: an identity unit cannot pass its negative outputs")
    like = next(net.head.parameters())
    for i in range(count):
        new = _new_unit(net.spec, before.plan, f"{after.rsplit('.', 1)[0]}.{place + 1 + i}.", seed).to(like)
        make_identity(new, net.spec)
        stage.insert(place + 1 + i, new.train(net.training))
    return deeper


def deepen(net: ResNet, depth: int, *, seed: int = 0) -> ResNet:
    """The net grown to `depth` layers by identity units at the end of every stage: plain-20 → plain-56.

    Its names and shapes are those of a net built with this depth. Raises `SpecError` for an impossible depth.
    """
    deeper = dataclasses.replace(net.spec, depth=depth)
    sizes = {"channels": 1, "side": 64, "classes": 1}
    now, then = (plan(spec, **sizes).stages for spec in (net.spec, deeper))
    more = [len(new) - len(old) for old, new in zip(now, then, strict=True)]
    if min(more) < 0:
        raise SurgeryError(f"depth is {depth}; the net has {net.spec.depth} layers and can only grow")
    grown = net
    for i, (old, count) in enumerate(zip(now, more, strict=True)):
        grown = insert_identity(grown, f"stages.{i}.{len(old) - 1}", count=count, seed=seed)
    grown.spec = deeper
    return grown


def delete(net: ResNet, *names: str) -> ResNet:
    """The net without these units' branches: y = f(h(x)) (Veit 2016 §4.1); a projection stays.

    A plain unit becomes y = f(x), with option A where the size changes.
    """
    changed = copy.deepcopy(net)
    for name in names:
        each = _unit(changed, name)
        around = identity_or_pad(net.spec, each.plan)
        each.branch = around if each.shortcut is None else ZeroBranch(around)
    return changed


def random_lesions(net: ResNet, count: int, *, seed: int) -> tuple[ResNet, list[str]]:
    """`delete` for `count` random units; also returns their names, in forward order."""
    names = random_units(net, count, seed=seed)
    return delete(net, *names), names


def random_units(net: ResNet, count: int, *, seed: int) -> list[str]:
    """The names of `count` different units, chosen by `seed` alone, in forward order."""
    names = [name for name, _ in net.units()]
    if not 0 <= count <= len(names):
        raise SurgeryError(f"count is {count}; the net has {len(names)} units: 0 … {len(names)}")
    return [names[i] for i in sorted(random.Random(seed).sample(range(len(names)), count))]


def swap(net: ResNet, one: str, other: str) -> ResNet:
    """The net with two units of equal sizes exchanged (Veit 2016 §4.3)."""
    changed = copy.deepcopy(net)
    first, second = _unit(changed, one), _unit(changed, other)
    for what in _shape(net):
        ours, theirs = getattr(first.plan, what), getattr(second.plan, what)
        if ours != theirs:
            raise SurgeryError(f"{one} and {other} differ in their {what}: {ours} and {theirs}")
    (stage_one, place_one), (stage_other, place_other) = _stage_of(changed, one), _stage_of(changed, other)
    stage_one[place_one], stage_other[place_other] = second, first
    return changed


def interchangeable(net: ResNet, one: str, other: str) -> bool:
    """Whether `swap` can exchange these two units."""
    first, second = _unit(net, one).plan, _unit(net, other).plan
    return all(getattr(first, what) == getattr(second, what) for what in _shape(net))


def freeze(net: ResNet, *names: str) -> ResNet:
    """The net with these units' weights and running statistics fixed. In training mode a batch norm still
    normalises by the batch, so a frozen unit's function stays the same in eval mode only."""
    changed = copy.deepcopy(net)
    for name in names:
        each = _unit(changed, name).requires_grad_(False)
        for module in each.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.momentum = 0.0
    return changed


def rewind(net: ResNet, *names: str) -> ResNet:
    """The net with these units' initial weights, as if frozen since the first step while the others learned
    ("re-initialised" in Zhang 2022, arXiv 1902.01996). Their norms' statistics are reset.

    Raises `SurgeryError` for a net whose initial weights are unknown.
    """
    if net.seed is None:
        raise SurgeryError(f"the initial weights of {name_of(net.spec)} are unknown: the net has no seed")
    changed = copy.deepcopy(net)
    for name in names:
        each = _unit(changed, name)
        initialise(each, net.seed, net.spec.init, f"{name}.")
        if net.spec.zero_last:
            zero_branch(each)
    return changed


def scale(net: ResNet, name: str, *, shortcut: float = 1.0, branch: float = 1.0) -> ResNet:
    """The net with y = f(shortcut · h(x) + branch · F(x)) in one unit; existing factors are multiplied."""
    changed = copy.deepcopy(net)
    add = _scaled(_unit(changed, name), name)
    add.alpha, add.beta = add.alpha * shortcut, add.beta * branch
    return changed


def set_residual_scale(net: ResNet, alpha: float) -> None:
    """Set α of every unit in place: y = f(α · h(x) + β · F(x)).

    At α = 0 the net computes what its plain twin does. Weights and their names do not change.
    """
    for name, each in net.units():
        _scaled(each, name).alpha = alpha


def linearise(net: ResNet, *names: str) -> ResNet:
    """The net without the ReLUs of these units, so that in eval mode each is affine: y = Ax + b."""
    changed = copy.deepcopy(net)
    for name in names:
        each = _unit(changed, name)
        for place, module in list(each.named_modules()):
            if isinstance(module, (nn.GroupNorm, Gate)):
                kind = type(module).__name__
                raise SurgeryError(f"{name}.{place} is a {kind}, which is not affine")
            if isinstance(module, nn.ReLU):
                each.set_submodule(place, nn.Identity())
    return changed


class ZeroBranch(nn.Module):
    """A deleted branch: zeros of the shape that the module `like` would give."""

    def __init__(self, like: nn.Module) -> None:
        super().__init__()
        self.like = like

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(self.like(x))


def _new_unit(spec: Net, like: UnitPlan, prefix: str, seed: int) -> ResidualUnit:
    """A same-size unit with as many channels as the output of `like` and the same survival probability."""
    layers = like.layers if like.same_size else _same_size(spec, like)
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        new = unit(spec, UnitPlan(layers, like.nested, INSIDE, like.survival))
    initialise(new, seed, spec.init, prefix)
    return new


def _same_size(spec: Net, like: UnitPlan) -> tuple[Layer, ...]:
    return unit_plan(spec.unit, like.size_out, like.size_out // spec.unit.expansion).layers


def _shape(net: ResNet) -> tuple[str, ...]:
    """Plan fields that two units must share to be exchanged; openings differ in pre-activation nets only."""
    return ("layers", "opening") if net.spec.preactivated else ("layers",)


def _scaled(each: ResidualUnit, name: str) -> ScaledAdd:
    """The unit's addition, replaced by a `ScaledAdd` if it has no factors yet."""
    if each.shortcut is None:
        raise SurgeryError(f"{name} is plain: it has no addition to scale")
    holder: nn.Module = each.add if isinstance(each.add, StochasticAdd) else each
    if not isinstance(holder.add, ScaledAdd):
        holder.add = ScaledAdd(1.0, 1.0)
    return holder.add


def _unit(net: ResNet, name: str) -> ResidualUnit:
    units = dict(net.units())
    if name not in units:
        raise SurgeryError(f"there is no unit {name!r}; units: {', '.join(units)}")
    return units[name]


def _stage_of(net: ResNet, name: str) -> tuple[nn.Sequential, int]:
    _unit(net, name)
    stage, place = name.rsplit(".", 1)
    units = net.get_submodule(stage)
    assert isinstance(units, nn.Sequential)
    return units, int(place)


def _has_relu(each: ResidualUnit) -> bool:
    return any(isinstance(module, nn.ReLU) for module in each.modules())
