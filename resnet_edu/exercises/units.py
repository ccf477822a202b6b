"""Exercises of lesson 2: the residual unit and its plain twin, written by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn, relu

from resnet_edu.exercises.calling import result_of
from resnet_edu.exercises.diagnosis import Diagnosis, wrong
from resnet_edu.exercises.exercise import Answer, Cases, Exercise
from resnet_edu.exercises.planted import Layers, layers, plant

CHANNELS = 4
CUTS_X = "It cuts x itself with an in-place ReLU, so the shortcut hands on something else: use `relu(x)`."
CHANGES_X = "It changes x itself, in place, and others may need x: write `y = x + …` for `x += …`."
Formula = Callable[[Layers, Tensor], Tensor]


def residual_unit(unit: Callable[[int], nn.Module]) -> Diagnosis:
    """`unit(channels)`: a module that computes y = ReLU(F(x) + x). F is conv 3×3, batch norm, ReLU, conv 3×3,
    batch norm (He 2015 §3.1 and Fig. 2); x and y are float [N, channels, H, W]."""
    return RESIDUAL_UNIT.check(unit)


def plain_unit(unit: Callable[[int], nn.Module]) -> Diagnosis:
    """`unit(channels)`: the same layers without the shortcut, y = ReLU(F(x))."""
    return PLAIN_UNIT.check(unit)


def _cases() -> Cases:
    generator = torch.Generator().manual_seed(1)
    return {
        "a batch of 5 images, planted weights": (
            layers(CHANNELS, CHANNELS),
            torch.randn(5, CHANNELS, 6, 7, generator=generator),
            torch.randn(5, CHANNELS, 6, 7, generator=generator),
        )
    }


def computed(formula: Formula) -> Answer:
    """What a formula gives with planted weights: the outputs in eval and in training mode, and the gradient
    at x of the sum of output × direction."""

    def answer(planted: Layers, x: Tensor, direction: Tensor) -> dict[str, Tensor]:
        planted.training = False
        in_eval = formula(planted, x.clone())
        planted.training = True
        start = x.clone().requires_grad_()
        in_training = formula(planted, start.clone())
        return _named(in_eval, in_training, _gradient(in_training, start, direction))

    return answer


def asked(unit: Callable[..., nn.Module], channels: tuple[int, ...] = (CHANNELS,)) -> Answer:
    """The same of a module that the learner wrote, after the weights were planted in it."""

    def answer(planted: Layers, x: Tensor, direction: Tensor) -> dict[str, Tensor]:
        module = unit(*channels)
        if not isinstance(module, nn.Module):
            raise wrong("It makes no `nn.Module`: write `class MyUnit(nn.Module)`.")
        result_of(module.eval()(x.clone()), type(module).forward)
        plant(module, planted, x)
        in_eval = _output(module.eval(), x.clone())
        start = x.clone().requires_grad_()
        given = start.clone()
        in_training = _output(module.train(), given)
        if not torch.equal(given, start):
            raise wrong(CUTS_X if given.min() >= 0 else CHANGES_X)
        return _named(in_eval, in_training, _gradient(in_training, start, direction))

    return answer


def _named(in_eval: Tensor, in_training: Tensor, gradient: Tensor) -> dict[str, Tensor]:
    return {
        "output in eval mode": in_eval,
        "output in training mode": in_training,
        "gradient at x": gradient,
    }


def _output(module: nn.Module, x: Tensor) -> Tensor:
    y: Any = module(x)
    if not isinstance(y, Tensor):
        raise wrong(f"`forward` gives a {type(y).__name__}; a tensor is wanted.")
    return y


def _gradient(y: Tensor, x: Tensor, direction: Tensor) -> Tensor:
    """Of the sum of y × direction at x; zeros where y does not depend on x, or has another shape."""
    if y.shape != direction.shape or not y.requires_grad:
        return torch.zeros_like(x)
    (gradient,) = torch.autograd.grad((y * direction).sum(), x, allow_unused=True)
    return torch.zeros_like(x) if gradient is None else gradient


def _branch(f: Layers, x: Tensor, *, order: str) -> Tensor:
    """A branch spelled out: "c0 n0 r c1 n1" is conv, norm, ReLU, conv, norm."""
    for part in order.split():
        match part[0]:
            case "c":
                x = f.conv(int(part[1]), x)
            case "n":
                x = f.norm(int(part[1]), x)
            case _:
                x = relu(x)
    return x


def _spelled(order: str, *, add: bool) -> Formula:
    """y = ReLU(F(x) + x), or ReLU(F(x)), with another F."""
    branch = partial(_branch, order=order)
    return (lambda f, x: relu(branch(f, x) + x)) if add else (lambda f, x: relu(branch(f, x)))


def _inside(*, add: bool) -> dict[str, Formula]:
    """Mistakes inside F, which a residual and a plain unit share."""
    return {
        "There is no ReLU between the two convolutions: without it they are one linear map.": _spelled(
            "c0 n0 c1 n1", add=add
        ),
        "The ReLU inside F comes before the norm. The order is convolution, norm, ReLU.": _spelled(
            "c0 r n0 c1 n1", add=add
        ),
        "The same convolution is used twice: F has two, each with weights of its own.": _spelled(
            "c0 n0 r c0 n1", add=add
        ),
        "The same norm is used twice: each convolution has a norm of its own.": _spelled(
            "c0 n0 r c1 n0", add=add
        ),
        "The norm after the second convolution is missing.": _spelled("c0 n0 r c1", add=add),
        "The norm after the first convolution is missing.": _spelled("c0 r c1 n0", add=add),
        "There are no norms: each convolution is followed by a batch normalisation.": _spelled(
            "c0 r c1", add=add
        ),
        "F has one convolution; a unit of this lesson has two.": _spelled("c0 n0", add=add),
        "The norms come before the convolutions; in this unit they come after.": _spelled(
            "n0 c0 r n1 c1", add=add
        ),
    }


def _no_gradient(x: Tensor) -> Tensor:
    return x.detach()


RESIDUAL: dict[str, Formula] = {
    "ReLU comes before the addition: Fig. 2 adds first, and cuts the sum.": lambda f, x: (
        relu(f.branch(x)) + x
    ),
    "The input is not added: this is the plain unit.": lambda f, x: relu(f.branch(x)),
    "The ReLU after the addition is missing.": lambda f, x: f.branch(x) + x,
    "There is one ReLU too many: F ends in its norm, and the ReLU follows the addition.": (
        lambda f, x: relu(relu(f.branch(x)) + x)
    ),
    "The second norm comes after the addition, so it normalises x, too. It belongs to F.": (
        lambda f, x: relu(f.norm(1, _branch(f, x, order="c0 n0 r c1") + x))
    ),
    "You subtract. F is what x lacks: it is added.": lambda f, x: relu(x - f.branch(x)),
    "You subtract x. F(x) = H(x) − x, so H(x) is F(x) *plus* x.": lambda f, x: relu(f.branch(x) - x),
    "You multiply by x. The shortcut adds.": lambda f, x: relu(f.branch(x) * x),
    "You put x and F(x) side by side as channels (that is a DenseNet). Here they are added.": (
        lambda f, x: relu(torch.cat([f.branch(x), x], dim=1))
    ),
    "You take the mean of x and F(x): the shortcut is to hand on all of x.": (
        lambda f, x: relu((f.branch(x) + x) / 2)
    ),
    "The shortcut hands on ReLU(x). It leaves x as it is, negative numbers too.": (
        lambda f, x: relu(f.branch(x) + relu(x))
    ),
    "The outputs are right, but no gradient passes the shortcut: x was detached.": (
        lambda f, x: relu(f.branch(x) + _no_gradient(x))
    ),
    "The outputs are right, but no gradient passes F: its result was detached.": (
        lambda f, x: relu(_no_gradient(f.branch(x)) + x)
    ),
    "x is added in the middle of F, after one convolution. The shortcut goes around both.": (
        lambda f, x: relu(f.norm(1, f.conv(1, relu(f.norm(0, f.conv(0, x)) + x))))
    ),
    "What is added is the input of the second convolution. The shortcut begins before the first.": (
        lambda f, x: (lambda h: relu(f.norm(1, f.conv(1, h)) + h))(relu(f.norm(0, f.conv(0, x))))
    ),
    "This is the pre-activation unit of He 2016: norm and ReLU come first in it. Here they come after.": (
        lambda f, x: _branch(f, x, order="n0 r c0 n1 r c1") + x
    ),
    "x is added twice.": lambda f, x: relu(f.branch(x) + 2 * x),
    **_inside(add=True),
}

PLAIN: dict[str, Formula] = {
    "The input is added: this is the residual unit. Its plain twin has no shortcut.": (
        lambda f, x: relu(f.branch(x) + x)
    ),
    "The last ReLU is missing.": lambda f, x: f.branch(x),
    "The layers are not used: y is ReLU(x), whatever the weights are.": lambda f, x: relu(x),
    **_inside(add=False),
}

ERRORS = {
    r"must match|size of tensor": "x and F(x) have different sizes where they meet: do the 3×3 convolutions "
    "keep the border (`padding=1`), the stride (1) and the number of channels",
    r"expected input.*channels": "a convolution expects another number of channels than it gets: inside a "
    "unit, all have `channels`",
}

RESIDUAL_UNIT = Exercise(
    cases=_cases,
    right=computed(lambda f, x: relu(f.branch(x) + x)),
    mistakes={message: computed(formula) for message, formula in RESIDUAL.items()},
    praise="The same outputs as in the package, in training and in eval mode, and the same gradient.",
    errors=ERRORS,
    ask=asked,
)

PLAIN_UNIT = Exercise(
    cases=_cases,
    right=computed(lambda f, x: relu(f.branch(x))),
    mistakes={message: computed(formula) for message, formula in PLAIN.items()},
    praise="The plain twin: the same layers, the same weights, and no shortcut.",
    errors=ERRORS,
    ask=asked,
)
