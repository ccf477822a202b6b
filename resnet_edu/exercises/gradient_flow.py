"""Exercises of lesson 3: what gradients say when they are compared, and what the plus does with one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import mean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.exercises.diagnosis import Diagnosis
from resnet_edu.exercises.exercise import Cases, Exercise


def first_to_last(function: Callable[..., Any]) -> Diagnosis:
    """`function(norms)`: the first layer's gradient as a multiple of the last one's. `norms` is a dictionary
    in the order of the layers, from input to output."""
    return FIRST_TO_LAST.check(function)


def split_at_plus(function: Callable[..., Any]) -> Diagnosis:
    """`function(F, x, g)`: with y = F(x) + x and g the gradient at y, the gradient that reaches x by the
    shortcut, and the one that reaches it through F: two tensors like x."""
    return SPLIT.check(function)


def agreement(function: Callable[..., Any]) -> Diagnosis:
    """`function(here, there)`: the mean over the images of the cosine between two gradients, float [N, …]
    each, one for each image."""
    return AGREEMENT.check(function)


def _ratio(norms: Mapping[str, float]) -> tuple[float, float]:
    values = list(norms.values())
    return values[0], values[-1]


def _halves(norms: Mapping[str, float]) -> float:
    values = list(norms.values())
    half = len(values) // 2
    return mean(values[:half]) / mean(values[half:])


def _by_name(norms: Mapping[str, float]) -> float:
    values = [norms[name] for name in sorted(norms)]
    return values[0] / values[-1]


FIRST_TO_LAST = Exercise(
    cases=lambda: {
        "three layers": ({"conv1": 6.0, "conv2": 9.0, "conv3": 2.0},),
        "twelve units": ({f"unit {i}": 100 / 1.7**i + i for i in range(12)},),
        "a gradient that shrinks on its way back": ({"zero": 0.001, "one": 0.5, "two": 4.0, "three": 2.0},),
    },
    right=lambda norms: _ratio(norms)[0] / _ratio(norms)[1],
    mistakes={
        "It is upside down: this is the last as a multiple of the first.": lambda n: (
            _ratio(n)[1] / _ratio(n)[0]
        ),
        "You subtract. A multiple is a quotient.": lambda n: _ratio(n)[0] - _ratio(n)[1],
        "This is the largest over the smallest. Asked for are the first and the last.": (
            lambda n: max(n.values()) / min(n.values())
        ),
        "This is the logarithm of the ratio.": lambda n: math.log10(_ratio(n)[0] / _ratio(n)[1]),
        "This is the natural logarithm of the ratio.": lambda n: math.log(_ratio(n)[0] / _ratio(n)[1]),
        "You compare the mean of the first half with that of the second.": _halves,
        "You sorted the names: “unit 10” then comes before “unit 2”.": _by_name,
        "This is the first layer's share of the sum.": lambda n: _ratio(n)[0] / sum(n.values()),
        "You compare with the mean of all layers.": lambda n: _ratio(n)[0] / mean(n.values()),
    },
    praise="Above 1, the gradient has grown on its way back to the input; below 1 it has shrunk.",
)


def _through(function: Callable[[Tensor], Tensor], x: Tensor, g: Tensor) -> Tensor:
    """g taken back through the function."""
    with torch.enable_grad():
        start = x.detach().requires_grad_()
        return torch.autograd.grad(function(start), start, g)[0]


class _Twist(nn.Module):
    """A small F with planted weights."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(torch.randn(5, 5, generator=generator))
        self.second = nn.Parameter(torch.randn(5, 5, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.first) @ self.second


def _split_cases() -> Cases:
    generator = torch.Generator().manual_seed(9)
    return {
        f"F number {seed + 1}": (
            _Twist(seed),
            torch.randn(3, 5, generator=generator),
            torch.randn(3, 5, generator=generator),
        )
        for seed in range(2)
    }


SPLIT = Exercise(
    cases=_split_cases,
    right=lambda f, x, g: [g, _through(f, x, g)],
    mistakes={
        "The two are swapped: first the shortcut's, then that through F.": lambda f, x, g: [
            _through(f, x, g),
            g,
        ],
        "The second is the whole gradient at x. Through F alone it is what is left without the shortcut's.": (
            lambda f, x, g: [g, g + _through(f, x, g)]
        ),
        "Both are the whole gradient at x: split it.": lambda f, x, g: 2 * [g + _through(f, x, g)],
        "A plus does not share g out, half and half: each of its two inputs gets all of it.": (
            lambda f, x, g: [g / 2, _through(f, x, g / 2)]
        ),
        "The shortcut's derivative is 1, and the gradient is 1 times g, not 1.": (
            lambda f, x, g: [torch.ones_like(g), _through(f, x, g)]
        ),
        "You go back from the sum of F's numbers, so g is left out.": (
            lambda f, x, g: [g, _through(f, x, torch.ones_like(g))]
        ),
        "You multiply g by F(x). It has to be taken back through F, by F's derivative.": (
            lambda f, x, g: [g, g * f(x).detach()]
        ),
        "You send g *forward* through F. It comes from the output: use `torch.autograd.grad(F(x), x, g)`.": (
            lambda f, x, g: [g, f(g).detach()]
        ),
        "Nothing comes through F in your answer.": lambda f, x, g: [g, torch.zeros_like(g)],
        "The shortcut gives x in your answer, not the gradient g.": lambda f, x, g: [x, _through(f, x, g)],
    },
    praise="The shortcut's part is g itself, whatever the weights are: nothing in F can make it smaller.",
)


def _cosine(here: Tensor, there: Tensor) -> Tensor:
    return F.cosine_similarity(here.flatten(1), there.flatten(1)).mean()


def _centred(gradient: Tensor) -> Tensor:
    flat = gradient.flatten(1)
    return flat - flat.mean(dim=1, keepdim=True)


def _agreement_cases() -> Cases:
    generator = torch.Generator().manual_seed(11)
    here = torch.randn(5, 2, 3, 3, generator=generator) + 0.3
    sizes = torch.tensor([0.1, 1.0, 3.0, 10.0, 0.5]).view(5, 1, 1, 1)
    noise = torch.randn(5, 2, 3, 3, generator=generator)
    opposite = torch.tensor([1.0, -1.0, 1.0, 1.0, 1.0]).view(5, 1, 1, 1)
    return {
        "equal gradients": (here, 2 * here),
        "five images": (sizes * here, sizes * (here + noise)),
        "an image with opposite advice": (here, opposite * here),
    }


AGREEMENT = Exercise(
    cases=_agreement_cases,
    right=_cosine,
    mistakes={
        "You compare the whole batch at once, so the image with the longest gradient decides. One cosine for "
        "each image, then the mean.": lambda a, b: F.cosine_similarity(a.flatten(), b.flatten(), dim=0),
        "This is the product without dividing by both lengths.": lambda a, b: (
            (a * b).flatten(1).sum(1).mean()
        ),
        "You divide by one length squared, not by both lengths.": (
            lambda a, b: ((a * b).flatten(1).sum(1) / a.flatten(1).square().sum(1)).mean()
        ),
        "You subtract each gradient's mean first (Pearson). The cosine leaves it in.": (
            lambda a, b: F.cosine_similarity(_centred(a), _centred(b)).mean()
        ),
        "There is a cosine for each pixel. Flatten an image's gradient first: `flatten(1)`.": (
            lambda a, b: F.cosine_similarity(a, b, dim=1).mean()
        ),
        "One cosine for each image is right; now take their mean.": (
            lambda a, b: F.cosine_similarity(a.flatten(1), b.flatten(1))
        ),
        "You take the cosine's absolute value: opposite advice is no agreement.": (
            lambda a, b: F.cosine_similarity(a.flatten(1), b.flatten(1)).abs().mean()
        ),
        "This is a distance, 0 for equal gradients; the cosine is 1 there.": lambda a, b: 1 - _cosine(a, b),
    },
    praise="1: the same advice for nearly the same image. 0: advice that has nothing to do with it.",
)
