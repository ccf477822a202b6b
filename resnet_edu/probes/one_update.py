"""One update of a training in slow motion: forward, the loss, backward through every plus, the step.

The gradient of one batch is traced unit by unit by the chain rule: at the sum h(x) + F(x) it is copied, one
copy goes back through the shortcut and one through the branch, and their sum is the gradient at the unit's
input.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu import nets
from resnet_edu.data import DataSet
from resnet_edu.nets import ResNet
from resnet_edu.nets.stochastic import seed_stochastic_modules
from resnet_edu.nets.units import ResidualUnit
from resnet_edu.probes.arguments import base_facts, unit_columns
from resnet_edu.probes.moments import Moment, training_batch
from resnet_edu.probes.unrolled import UnitTrace, trace_unit
from resnet_edu.runs.answers import ProbeAnswer

SPLIT = (
    "The split is at the sum s = h(x) + F(x), so behind what follows the addition (a ReLU, in the original "
    "order): the gradient at s is that at y, sent back through f. Both parts are gradients at x; factors and "
    "gates of the unit belong to the term that they multiply."
)


def one_update(net: ResNet, data: DataSet, moment: Moment, /) -> ProbeAnswer:
    """The update that a training makes after `step` others, on the batch that it sees there.

    A row a unit, in forward order; L2 norms over the whole batch, gradients of the batch's mean loss:
    `x`, `branch` ‖F(x)‖, `shortcut` ‖h(x)‖ and `y` on the way forward, both terms with all factors and gates,
    as they meet at the sum. On the way back `grad_y` at the output, `grad_plus` at the sum, what
    reaches x through the shortcut, `grad_shortcut`, and through the branch, `grad_branch`, the `cosine`
    between these two (−1 … 1), and `grad_x`, of their sum. A plain unit has NaN for both its shortcut's
    columns and the cosine. A row a layer: `layer`, its name, `gradient`, `weight` (before) and `update`.

    Facts: `step`, `lr`, `weight_decay`; `loss` before the update and `loss_after` it, in nats, on the same
    batch; `split`, where gradients are split, in words; and `replayed`, which update this is, in words.
    Kept weights have no momentum with them. So beyond step 0 this is the gradient step alone, lr · (gradient
    + weight_decay · weight), and `momentum_left_out` is true; at step 0 it is what the training did. `ended`
    is true after the last step, whose next update was never made. The net is in training mode, and all is
    computed in float32, as one process trains: a run in bfloat16, or on several devices, differs by that.
    """
    moved = copy.deepcopy(net).train()
    recipe, step = moment.experiment.recipe, moment.step
    inputs, labels = training_batch(moment.experiment, data, step)
    with _draws_of(moved, moment):
        forward = Forward(moved, inputs, labels)
    backward, gradients = forward.backward()
    columns = _columns(moved, forward, backward, gradients)
    columns["update"] = _norms(_step(gradients, moment.lr, recipe.weight_decay, nets.layers(moved)))
    with _draws_of(moved, moment), torch.no_grad():
        after = F.cross_entropy(moved(inputs), labels).item()
    facts = base_facts(net, len(labels), "train") | {
        "lr": moment.lr,
        "weight_decay": recipe.weight_decay,
        "momentum": recipe.momentum,
        "momentum_left_out": bool(step and recipe.momentum),
        "ended": moment.ended,
        "replayed": _words(moment),
        "split": SPLIT,
        "plain": net.spec.plain,
        "loss": forward.loss.item(),
        "loss_after": after,
    }
    return ProbeAnswer(facts, columns)


@dataclass(frozen=True)
class Backward:
    """The gradients that pass one unit: at its output, at its sum, and the two parts of that at its input.
    A plain unit's shortcut passes none."""

    y: Tensor
    plus: Tensor
    shortcut: Tensor | None
    branch: Tensor

    @property
    def x(self) -> Tensor:
        return self.branch if self.shortcut is None else self.shortcut + self.branch


class Forward:
    """One forward pass of a batch, cut at every unit's input, so that `backward` can show each piece."""

    def __init__(self, net: ResNet, inputs: Tensor, labels: Tensor) -> None:
        self.net = net
        self.stem = x = net.stem(inputs)
        self.units: list[tuple[UnitTrace, Tensor]] = []
        for _, unit in net.units():
            self.units.append(_trace_with_sum(unit, x.detach().requires_grad_()))
            x = self.units[-1][0].y
        self.top = x.detach().requires_grad_()
        self.loss = F.cross_entropy(net.head(net.pool(self.top)), labels)

    def backward(self) -> tuple[list[Backward], dict[nn.Parameter, Tensor]]:
        """What passes each unit, in forward order, and every parameter's gradient."""
        found: dict[nn.Parameter, Tensor] = {}
        (gradient,) = torch.autograd.grad(self.loss, self.top, retain_graph=True)
        _add_gradients(found, [self.net.pool, self.net.head], self.loss, None)
        passed = []
        for each, total in reversed(self.units):
            (plus,) = torch.autograd.grad(each.y, total, gradient, retain_graph=True)
            shortcut = None if each.shortcut is None else each.vjp(gradient, branch=False)
            passed.append(Backward(gradient, plus, shortcut, each.vjp(gradient, branch=True)))
            _add_gradients(found, [each.unit], each.y, gradient)
            gradient = passed[-1].x
        _add_gradients(found, [self.net.stem], self.stem, gradient)
        return passed[::-1], found


def _trace_with_sum(unit: ResidualUnit, x: Tensor) -> tuple[UnitTrace, Tensor]:
    """The unit's pass, and the sum h(x) + F(x) in it, before what follows the addition."""
    sums: list[Tensor] = []

    def keep(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        sums.append(given[0].view_as(given[0]))  # so that an identity's output is not its input
        return (sums[-1],)

    with unit.after.register_forward_pre_hook(keep):
        return trace_unit(unit, x), sums[0]


def _add_gradients(
    found: dict[nn.Parameter, Tensor], parts: list[nn.Module], output: Tensor, gradient: Tensor | None
) -> None:
    """Gradients of these parts' parameters; those that the output does not depend on are left out."""
    parameters = [p for part in parts for p in part.parameters() if p.requires_grad]
    if parameters:
        each = torch.autograd.grad(output, parameters, gradient, retain_graph=True, allow_unused=True)
        found |= {p: g for p, g in zip(parameters, each, strict=True) if g is not None}


@torch.no_grad()
def _step(
    gradients: dict[nn.Parameter, Tensor], lr: float, decay: float, layers: list[tuple[str, nn.Parameter]]
) -> list[Tensor]:
    """Make the step, and return what it adds to each layer's weight. What has no gradient stays."""
    moves = {p: -lr * (gradient + decay * p) for p, gradient in gradients.items()}
    for parameter, move in moves.items():
        parameter.add_(move)
    return [moves.get(weight, torch.zeros_like(weight)) for _, weight in layers]


def _columns(
    net: ResNet, forward: Forward, backward: list[Backward], gradients: dict[nn.Parameter, Tensor]
) -> dict[str, np.ndarray]:
    opened_units = [each for each, _ in forward.units]
    terms = [_terms(each, total) for each, total in forward.units]
    layers = nets.layers(net)
    ways = [each.shortcut for each in backward]
    return unit_columns(net) | {
        "x": _norms([each.x for each in opened_units]),
        "branch": _norms([branch for _, branch in terms]),
        "shortcut": _norms([shortcut for shortcut, _ in terms]),
        "y": _norms([each.y for each in opened_units]),
        "grad_y": _norms([each.y for each in backward]),
        "grad_plus": _norms([each.plus for each in backward]),
        "grad_shortcut": _norms(ways),
        "grad_branch": _norms([each.branch for each in backward]),
        "cosine": np.array([_cosine(each) for each in backward]),
        "grad_x": _norms([each.x for each in backward]),
        "layer": np.array([name for name, _ in layers]),
        "gradient": _norms([gradients.get(weight, torch.zeros(1)) for _, weight in layers]),
        "weight": _norms([weight for _, weight in layers]),
    }


def _terms(each: UnitTrace, total: Tensor) -> tuple[Tensor | None, Tensor]:
    """h(x) and F(x) with all factors, as they were added. The addition is linear, so its derivative is the
    factor, also of a stochastic one, which another call would draw anew."""
    if each.shortcut is None:
        return None, total
    met = (each.shortcut, each.branch)
    factors = torch.autograd.grad(total, met, torch.ones_like(total), retain_graph=True)
    return factors[0] * met[0], factors[1] * met[1]


def _norms(tensors: list[Any]) -> np.ndarray:
    return np.array([np.nan if t is None else t.detach().double().norm().item() for t in tensors])


def _cosine(each: Backward) -> float:
    if each.shortcut is None:
        return np.nan
    a, b = (part.flatten().double() for part in (each.shortcut, each.branch))
    return torch.cosine_similarity(a, b, dim=0, eps=1e-300).item()


@contextmanager
def _draws_of(net: ResNet, moment: Moment) -> Iterator[None]:
    """Dropout and stochastic depth draw what they drew in the training; other draws are not disturbed."""
    with torch.random.fork_rng(devices=[]):
        seed_stochastic_modules(net, moment.experiment.seed, moment.step)
        yield


def _words(moment: Moment) -> str:
    if moment.ended:
        return (
            f"The training ended after {moment.step} updates. This is the one that would have come next, at "
            "the last learning rate and without the momentum that earlier steps gathered."
        )
    if moment.step and moment.experiment.recipe.momentum:
        return (
            "The gradient step of this update: learning rate × (gradient + weight decay × weight). The "
            "training added the momentum of earlier steps, whose gradients were not kept."
        )
    return "This update as the training made it: learning rate × (gradient + weight decay × weight)."
