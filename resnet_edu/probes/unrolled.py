"""Gradients along single paths of a net: one forward pass, then a vector-Jacobian product per unit and term.

On the way back, each residual unit's sum is a fork: a gradient can pass through the shortcut or through the
branch. A way through all n units is one of 2ⁿ paths (Veit 2016 §3). The forward pass is computed once and
kept, so that the gradient of a path is exact: the chain rule is a sum over paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.nets import ResNet
from resnet_edu.nets.units import ResidualUnit


@dataclass(frozen=True)
class UnitTrace:
    """The tensors of one unit's forward pass.

    - `unit`: the module.
    - `x`, `y`: its input and output.
    - `shortcut`, `branch`: the two terms of its addition, after any gate but before the addition's own
      factors. A plain unit has no shortcut: None.
    """

    unit: ResidualUnit
    x: Tensor
    shortcut: Tensor | None
    branch: Tensor
    y: Tensor

    def terms(self) -> tuple[Tensor, Tensor]:
        """h(x) and F(x) with all factors: y = f(first + second). A plain unit's first is zero."""
        if self.shortcut is None:
            return torch.zeros_like(self.branch), self.branch
        nothing = torch.zeros_like(self.branch)  # the addition is linear, so each term can be computed alone
        return self.unit.add(self.shortcut, nothing), self.unit.add(nothing, self.branch)

    def vjp(self, gradient: Tensor, *, branch: bool) -> Tensor:
        """The vector-Jacobian product from y to x, through the branch alone or the shortcut alone. Zero for a
        plain unit's missing shortcut."""
        term = self.branch if branch else self.shortcut
        if term is None or not term.requires_grad:
            return torch.zeros_like(self.x)
        (at_sum,) = torch.autograd.grad(self.y, term, gradient, retain_graph=True)
        return torch.autograd.grad(term, self.x, at_sum, retain_graph=True)[0]


def trace_unit(unit: ResidualUnit, x: Tensor) -> UnitTrace:
    """Run a unit of any kind, and keep the terms of its sum."""
    met: tuple[Tensor, ...] = ()

    def meet(module: nn.Module, terms: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal met
        met = tuple(term.view_as(term) for term in terms)  # so that an identity's output is not its input
        return met

    place = unit.after if unit.shortcut is None else unit.add
    with place.register_forward_pre_hook(meet):
        y = unit(x)
    return UnitTrace(unit, x, met[0] if len(met) > 1 else None, met[-1], y)


def trace_units(net: ResNet, inputs: Tensor) -> list[UnitTrace]:
    """All units in forward order, at inputs [N, C, H, W], without gradients."""
    with torch.no_grad():
        x, found = net.stem(inputs), []
        for _, unit in net.units():
            found.append(trace_unit(unit, x))
            x = found[-1].y
    return found


class Unrolled:
    """One forward pass and its loss, ready for gradients along paths.

    `inputs` float [N, C, H, W], `labels` int64 [N]. All gradients are of the summed cross-entropy by the
    inputs, so each image's gradient is the one that it would have alone.
    """

    def __init__(self, net: ResNet, inputs: Tensor, labels: Tensor) -> None:
        with torch.enable_grad():
            self.inputs = inputs.detach().requires_grad_()
            self.stem = x = net.stem(self.inputs)
            self.units: list[UnitTrace] = []
            for _, unit in net.units():
                self.units.append(trace_unit(unit, x.detach().requires_grad_()))
                x = self.units[-1].y
            top = x.detach().requires_grad_()
            loss = F.cross_entropy(net.head(net.pool(top)), labels, reduction="sum")
        (self.top,) = torch.autograd.grad(loss, top)

    def along(self, branches: Sequence[bool]) -> Tensor:
        """The gradient along one path, of the inputs' shape: through the branch of each unit where
        `branches` is True, and through the shortcut of the others."""
        gradient = self.top
        for unit, branch in zip(reversed(self.units), reversed(branches), strict=True):
            gradient = unit.vjp(gradient, branch=branch)
        return self._at_inputs(gradient)

    def by_length(self) -> list[Tensor]:
        """For each length 0 … n, the sum of the gradients of all paths through so many branches.

        It takes about n²/2 products: a gradient that has passed k branches stays at k through the shortcut,
        and becomes k + 1 through the branch. Their sum is the whole gradient.
        """
        found = [self.top]
        for unit in reversed(self.units):
            through = [unit.vjp(gradient, branch=True) for gradient in found]
            around = [unit.vjp(gradient, branch=False) for gradient in found]
            found = [around[0], *(a + b for a, b in zip(around[1:], through[:-1], strict=True)), through[-1]]
        return [self._at_inputs(gradient) for gradient in found]

    def _at_inputs(self, gradient: Tensor) -> Tensor:
        return torch.autograd.grad(self.stem, self.inputs, gradient, retain_graph=True)[0]
