"""Exercises of lesson 4: how many paths lead through a net, how long they are, and what each carries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from resnet_edu.exercises.calling import result_of
from resnet_edu.exercises.diagnosis import Diagnosis
from resnet_edu.exercises.exercise import Exercise


def path_count(function: Callable[..., Any]) -> Diagnosis:
    """`function(residual)`: how many paths lead from input to output. `residual` has for each unit True if it
    has a shortcut, False if it is plain."""
    return PATH_COUNT.check(function)


def path_lengths(function: Callable[..., Any]) -> Diagnosis:
    """`function(units)`: for a net of so many residual units, the number of paths through 0, 1, … `units`
    branches, as a list."""
    return PATH_LENGTHS.check(function)


def path_terms(function: Callable[..., Any]) -> Diagnosis:
    """`function(matrices, x)`: the terms, in any order, whose sum is the output of linear units
    y = x + W x, one term for each path. `matrices` are the W, [D, D], in order; x is [D]."""
    return PATH_TERMS.check(function)


PATH_COUNT = Exercise(
    cases=lambda: {
        "one residual unit": ([True],),
        "three residual units": ([True] * 3,),
        "nine units, four of them plain": ([True, False, True, True, False, False, True, False, True],),
        "two plain units": ([False, False],),
        "no unit": ([],),
    },
    right=lambda residual: 2 ** sum(residual),
    mistakes={
        "A plain unit has one way through, its branch. Only shortcuts double the paths.": lambda r: (
            2 ** len(r)
        ),
        "You add ways; they multiply: each path that reaches a unit goes on in two ways.": lambda r: (
            2 * sum(r)
        ),
        "These are the terms of the running sum, one for each unit and the input. Each forks again.": (
            lambda r: sum(r) + 1
        ),
        "The path that takes only shortcuts counts, too.": lambda r: 2 ** sum(r) - 1,
        "You count the order in which units are passed. It is fixed: only shortcut or branch is free.": (
            lambda r: math.factorial(sum(r))
        ),
        "You square: n units with two ways each give 2ⁿ, not n².": lambda r: sum(r) ** 2,
        "The last unit is followed by one way, not two: this is twice too many.": lambda r: 2 ** (sum(r) + 1),
        "You count the paths of *plain* units as doubled, and those with a shortcut not.": (
            lambda r: 2 ** (len(r) - sum(r))
        ),
    },
    praise="So 27 units have 2²⁷ paths, and their plain twins one.",
)


def _lengths(units: int) -> list[int]:
    return [math.comb(units, length) for length in range(units + 1)]


PATH_LENGTHS = Exercise(
    cases=lambda: {"2 units": (2,), "3 units": (3,), "9 units": (9,)},
    right=_lengths,
    mistakes={
        "The path of length 0, all shortcuts, is missing.": lambda n: _lengths(n)[1:],
        "The longest path, through every branch, is missing: `range` ends one before its end.": lambda n: (
            _lengths(n)[:-1]
        ),
        "All lengths are equally frequent in your answer. One path takes no branch, but n take one.": (
            lambda n: [2**n / (n + 1)] * (n + 1)
        ),
        "These are shares. Asked for are numbers of paths.": lambda n: [ways / 2**n for ways in _lengths(n)],
        "You count the order in which branches are chosen. A path through units 1 and 3 is one path.": (
            lambda n: [math.perm(n, length) for length in range(n + 1)]
        ),
        "You doubled with every length: that would be the paths after each unit.": (
            lambda n: [2**length for length in range(n + 1)]
        ),
        "This is the sum of all. Asked for is the list by length.": lambda n: 2**n,
        "You add up the paths *up to* each length.": lambda n: [
            sum(_lengths(n)[: k + 1]) for k in range(n + 1)
        ],
        "This is Pascal's row for one unit more.": lambda n: _lengths(n + 1),
        "This is Pascal's row for one unit fewer.": lambda n: _lengths(n - 1),
    },
    praise="Pascal's triangle: most paths are about half as long as the net.",
)


def _terms(matrices: Sequence[Tensor], x: Tensor) -> list[Tensor]:
    terms = []
    for taken in product((False, True), repeat=len(matrices)):
        term = x
        for matrix, branch in zip(matrices, taken, strict=True):
            term = matrix @ term if branch else term
        terms.append(term)
    return terms


def _sorted(terms: Any) -> Any:
    """The same terms in a fixed order, so that any order is right."""
    if isinstance(terms, Tensor) and terms.dim() == 2:
        terms = list(terms)
    if not isinstance(terms, list | tuple) or not all(isinstance(term, Tensor) for term in terms):
        return terms
    return sorted(
        (term.detach() for term in terms), key=lambda term: [round(v, 3) for v in term.flatten().tolist()]
    )


def _running(matrices: Sequence[Tensor], x: Tensor) -> list[Tensor]:
    terms, total = [x], x
    for matrix in matrices:
        terms.append(matrix @ total)
        total = total + terms[-1]
    return terms


def _backwards(matrices: Sequence[Tensor], x: Tensor) -> list[Tensor]:
    return _terms(matrices[::-1], x)


def _without_cross_terms(matrices: Sequence[Tensor], x: Tensor) -> list[Tensor]:
    return [x, *(matrix @ x for matrix in matrices)]


def _cases() -> dict[str, tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(13)
    return {
        f"{count} units": (
            [torch.randn(3, 3, generator=generator) for _ in range(count)],
            torch.randn(3, generator=generator),
        )
        for count in (1, 2, 3)
    }


PATH_TERMS = Exercise(
    cases=_cases,
    right=lambda matrices, x: _sorted(_terms(matrices, x)),
    mistakes={
        "This is the running sum: one term for each unit. Each term still holds several paths: expand it.": (
            lambda m, x: _sorted(_running(m, x))
        ),
        "Paths through two branches are missing: what W₁ gives also passes W₂.": (
            lambda m, x: _sorted(_without_cross_terms(m, x))
        ),
        "The path that takes only shortcuts is missing: its term is x.": lambda m, x: _sorted(
            _terms(m, x)[1:]
        ),
        "The matrices are in the wrong order: x meets the first unit first, so W₁ is next to x.": (
            lambda m, x: _sorted(_backwards(m, x))
        ),
        "You give the sum. Asked for are its terms.": lambda m, x: sum(_terms(m, x)),
        "Only the path through all branches is in your answer.": lambda m, x: _sorted(_terms(m, x)[-1:]),
        "The path through all branches is missing.": lambda m, x: _sorted(_terms(m, x)[:-1]),
    },
    praise="2ⁿ terms, and their sum is the output to rounding. With a ReLU in a unit it no longer is.",
    ask=lambda function: lambda matrices, x: _sorted(_result(function, matrices, x)),
)


def _result(function: Callable[..., Any], matrices: Sequence[Tensor], x: Tensor) -> Any:
    return result_of(function(matrices, x), function)
