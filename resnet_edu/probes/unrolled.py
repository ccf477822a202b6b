"""A net taken apart at its sums: what each unit adds, and gradients sent back along chosen paths.

Each residual unit's sum is a fork: what comes back to it can go on through the shortcut or through the
branch. A way back through all n units is one of 2ⁿ paths (Veit 2016 §3). The forward pass is done once
and kept, so that the gradient of a path is exact: the chain rule is a sum over paths.
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
class Opened:
    """A unit's input x and output y, and what its addition is given: shortcut (None in a plain unit) and
    branch, gated where the unit gates them, but without the addition's own factors."""

    unit: ResidualUnit
    x: Tensor
    shortcut: Tensor | None
    branch: Tensor
    y: Tensor

    def terms(self) -> tuple[Tensor, Tensor]:
        """h(x) and F(x) with all factors: y = f(first + second). A plain unit's first is zero."""
        if self.shortcut is None:
            return torch.zeros_like(self.branch), self.branch
        nothing = torch.zeros_like(self.branch)  # the addition is linear, so each term can be had alone
        return self.unit.add(self.shortcut, nothing), self.unit.add(nothing, self.branch)

    def back(self, gradient: Tensor, *, branch: bool) -> Tensor:
        """The gradient at y, sent back to x through the branch, or through the shortcut alone. Zero in a
        plain unit's missing shortcut."""
        term = self.branch if branch else self.shortcut
        if term is None or not term.requires_grad:
            return torch.zeros_like(self.x)
        (at_sum,) = torch.autograd.grad(self.y, term, gradient, retain_graph=True)
        return torch.autograd.grad(term, self.x, at_sum, retain_graph=True)[0]


def opened(unit: ResidualUnit, x: Tensor) -> Opened:
    """Run a unit of any kind, and keep what meets at its sum."""
    met: tuple[Tensor, ...] = ()

    def meet(module: nn.Module, terms: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal met
        met = tuple(term.view_as(term) for term in terms)  # so that an identity's output is not its input
        return met

    place = unit.after if unit.shortcut is None else unit.add
    with place.register_forward_pre_hook(meet):
        y = unit(x)
    return Opened(unit, x, met[0] if len(met) > 1 else None, met[-1], y)


def opened_units(net: ResNet, inputs: Tensor) -> list[Opened]:
    """Every unit, in forward order, at these inputs [N, C, H, W]. No gradients."""
    with torch.no_grad():
        x, found = net.stem(inputs), []
        for _, unit in net.units():
            found.append(opened(unit, x))
            x = found[-1].y
    return found


class Unrolled:
    """One forward pass and its loss, ready to send gradients back.

    `inputs` float [N, C, H, W], `labels` int64 [N]. All gradients are those of the summed cross-entropy
    with respect to the inputs, so that each image has its own, as if it were alone.
    """

    def __init__(self, net: ResNet, inputs: Tensor, labels: Tensor) -> None:
        with torch.enable_grad():
            self.inputs = inputs.detach().requires_grad_()
            self.stem = x = net.stem(self.inputs)
            self.units: list[Opened] = []
            for _, unit in net.units():
                self.units.append(opened(unit, x.detach().requires_grad_()))
                x = self.units[-1].y
            top = x.detach().requires_grad_()
            loss = F.cross_entropy(net.head(net.pool(top)), labels, reduction="sum")
        (self.top,) = torch.autograd.grad(loss, top)

    def along(self, branches: Sequence[bool]) -> Tensor:
        """The gradient that one path carries, of the inputs' shape: through the branch of each unit that
        is True, and through the shortcut of the others."""
        gradient = self.top
        for unit, branch in zip(reversed(self.units), reversed(branches), strict=True):
            gradient = unit.back(gradient, branch=branch)
        return self._at_inputs(gradient)

    def by_length(self) -> list[Tensor]:
        """For each length 0 … n, the sum of the gradients of all paths through so many branches.

        All of them in some n²/2 steps: what has come through k branches goes on through the shortcut as
        k, and through the branch as k + 1. Together they are the whole gradient.
        """
        found = [self.top]
        for unit in reversed(self.units):
            through = [unit.back(gradient, branch=True) for gradient in found]
            around = [unit.back(gradient, branch=False) for gradient in found]
            found = [around[0], *(a + b for a, b in zip(around[1:], through[:-1], strict=True)), through[-1]]
        return [self._at_inputs(gradient) for gradient in found]

    def _at_inputs(self, gradient: Tensor) -> Tensor:
        return torch.autograd.grad(self.stem, self.inputs, gradient, retain_graph=True)[0]
