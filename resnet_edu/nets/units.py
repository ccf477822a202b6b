"""The residual unit: y = f(h(x) + F(x)).

F is the branch of weighted layers, h the shortcut, f what follows the addition. With h the identity,
the branch only has to learn the residual F(x) = y − x (He 2015 §3.1). Without h, y = f(F(x)) is a plain
unit: the same layers have to learn the whole of y.

Every ReLU is a separate module and nothing is computed in place: hooks and attribution methods
(DeepLift, guided backpropagation) would otherwise give wrong results without an error.

`branches.py` builds F, `shortcuts.py` builds h.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnet_edu.anatomy.plan import UnitPlan


class ResidualUnit(nn.Module):
    """y = f(h(x) + F(x)) (He 2015 eq. 1 and 2; the letters are those of He 2016 eq. 1 and 2).

    `branch` is F, `shortcut` is h, `after` is f. With `shortcut=None` the unit is plain: y = f(F(x)).
    h(x) and F(x) must have the same shape, which is also that of y.
    """

    plan: UnitPlan  # the sizes it was built with

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None, after: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.add: Add = Add()
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            y: Tensor = self.after(self.branch(x))
        else:
            y = self.after(self.add(self.shortcut(x), self.branch(x)))
        return y


class GatedUnit(ResidualUnit):
    """y = f((1 − T(x)) · h(x) + T(x) · F(x)): whatever share the branch gets, the shortcut loses.

    The exclusive gate of He 2016 Fig. 2c; with f the identity, the highway of Srivastava 2015 eq. 3.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module, after: nn.Module, gate: nn.Module) -> None:
        super().__init__(branch, shortcut, after)
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        assert self.shortcut is not None
        t = self.gate(x)
        y: Tensor = self.after(self.add((1 - t) * self.shortcut(x), t * self.branch(x)))
        return y


class PreactivatedUnit(ResidualUnit):
    """y = f(h(a(x)) + F(a(x))): where a pre-activation net changes the size, h must transform x, and h and F
    share the activation a (He 2016 §5, and the authors' published code)."""

    before: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.before(x))


class PreactivatedGatedUnit(PreactivatedUnit, GatedUnit):
    """Both: y = f((1 − T(a(x))) · h(a(x)) + T(a(x)) · F(a(x)))."""


class Add(nn.Module):
    """h(x) + F(x), a module so that hooks and drawings can refer to it by name."""

    def forward(self, shortcut: Tensor, branch: Tensor) -> Tensor:
        return branch + shortcut  # in this order, the sum has the memory format of the branch


class ScaledAdd(Add):
    """α · h(x) + β · F(x) (He 2016 §3.1). Both factors can be changed on an existing net:
    `unit.add.alpha = 0.3`. At α = 0 the unit computes what its plain twin does."""

    def __init__(self, alpha: float, beta: float) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def forward(self, shortcut: Tensor, branch: Tensor) -> Tensor:
        return super().forward(self.alpha * shortcut, self.beta * branch)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:g}, beta={self.beta:g}"


class StochasticAdd(Add):
    """h(x) + b · F(x) in training, where b is 1 with probability p and else 0, drawn once for the batch;
    h(x) + p · F(x) in eval mode (Huang 2016, stochastic depth, eq. 2 and 5).

    The branch is computed even when it is dropped, so that hooks, compilation and CUDA graphs work; it saves
    no time. PyTorch's global generator draws b.
    """

    def __init__(self, add: Add, survival: float) -> None:
        super().__init__()
        self.add, self.survival = add, survival

    def forward(self, shortcut: Tensor, branch: Tensor) -> Tensor:
        if self.training:
            factor: float | Tensor = (torch.rand((), device=branch.device) < self.survival).to(branch.dtype)
        else:
            factor = self.survival
        total: Tensor = self.add(shortcut, factor * branch)
        return total

    def extra_repr(self) -> str:
        return f"survival={self.survival:g}"
