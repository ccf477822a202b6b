"""The residual unit: y = f(h(x) + F(x)).

F is the branch of weighted layers, h the shortcut, f what follows the addition. With h the identity,
the branch has only to learn the residual F(x) = y − x (He 2015 §3.1). Take h away and y = f(F(x)) is
a plain unit: the same layers, asked for the whole of y.

Every ReLU is a module of its own and nothing is computed in place: hooks and attribution methods
(DeepLift, guided backpropagation) see each step once, or are silently wrong.

What F can be stands in `branches.py`, what h can be in `shortcuts.py`.
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

    plan: UnitPlan  # the sizes it was built to

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None, after: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.add: Add = Add()
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            return self.after(self.branch(x))
        return self.after(self.add(self.shortcut(x), self.branch(x)))


class GatedUnit(ResidualUnit):
    """y = f((1 − T(x)) · h(x) + T(x) · F(x)): what the branch may add, the shortcut must give up.

    The exclusive gate of He 2016 Fig. 2c; with f the identity, the highway of Srivastava 2015 eq. 3.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module, after: nn.Module, gate: nn.Module) -> None:
        super().__init__(branch, shortcut, after)
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        assert self.shortcut is not None
        t = self.gate(x)
        return self.after(self.add((1 - t) * self.shortcut(x), t * self.branch(x)))


class PreactivatedUnit(ResidualUnit):
    """y = f(h(a(x)) + F(a(x))): where the size changes in a pre-activation net, h must transform x, and
    shares the activation a with F (He 2016 §5, and the authors' published code)."""

    before: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.before(x))


class PreactivatedGatedUnit(PreactivatedUnit, GatedUnit):
    """Both: y = f((1 − T(a(x))) · h(a(x)) + T(a(x)) · F(a(x)))."""


class Add(nn.Module):
    """h(x) + F(x), as a module so that it can be hooked, named and drawn."""

    def forward(self, shortcut: Tensor, branch: Tensor) -> Tensor:
        return branch + shortcut  # in this order, the sum has the memory format of the branch


class ScaledAdd(Add):
    """α · h(x) + β · F(x) (He 2016 §3.1). Both factors can be turned while the net lives:
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

    The branch is computed even where it is dropped, so nothing depends on the draw but numbers: hooks,
    compilation and captured graphs work, and no time is saved. The draw is PyTorch's global generator's.
    """

    def __init__(self, add: Add, survival: float) -> None:
        super().__init__()
        self.add, self.survival = add, survival

    def forward(self, shortcut: Tensor, branch: Tensor) -> Tensor:
        if not self.training:
            return self.add(shortcut, self.survival * branch)
        kept = (torch.rand((), device=branch.device) < self.survival).to(branch.dtype)
        return self.add(shortcut, kept * branch)

    def extra_repr(self) -> str:
        return f"survival={self.survival:g}"
