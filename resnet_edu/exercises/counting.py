"""Exercises of lesson 1, done by hand: what a pixel sees, what a unit costs, and when a claim is settled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import mean, median, pstdev, stdev
from typing import Any

from resnet_edu.exercises.diagnosis import Diagnosis
from resnet_edu.exercises.exercise import Cases, Exercise

MARGIN = 1.0  # percentage points, as in studies/degradation.py
T = 2.92  # 95 % quantile of Student's t with 2 degrees of freedom


def receptive_field(function: Callable[..., Any]) -> Diagnosis:
    """`function(kernels, strides)`: the side, in pixels, of the square of the input that one number of the
    last layer's output depends on. Both are lists, one integer for each layer, from input to output."""
    return RECEPTIVE_FIELD.check(function)


def unit_parameters(function: Callable[..., Any]) -> Diagnosis:
    """`function(channels)`: how many numbers training changes in a unit of two 3×3 convolutions without
    bias, a batch normalisation behind each, and an identity shortcut."""
    return UNIT_PARAMETERS.check(function)


def verdict(function: Callable[..., Any]) -> Diagnosis:
    """`function(deep, shallow)`: "supported", "contradicted" or "not settled", by the study's rule.

    Both are lists of training errors in %, one for each of three seeds. With d = deep − shallow, seed by
    seed, the bounds are mean ± 2.92 · sd / √3; supported if the lower one is at least 1 point, contradicted
    if the upper one is below 1 point.
    """
    return VERDICT.check(function)


def _field(kernels: Sequence[int], strides: Sequence[int]) -> int:
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        side += (kernel - 1) * step
        step *= stride
    return side


def _own_stride(kernels: Sequence[int], strides: Sequence[int]) -> int:
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        step *= stride
        side += (kernel - 1) * step
    return side


def _strides_not_multiplied(kernels: Sequence[int], strides: Sequence[int]) -> int:
    before = [1, *strides[:-1]]
    return 1 + sum((kernel - 1) * stride for kernel, stride in zip(kernels, before, strict=True))


def _from_the_output(kernels: Sequence[int], strides: Sequence[int]) -> int:
    return _field(kernels[::-1], strides[::-1])


RECEPTIVE_FIELD = Exercise(
    cases=lambda: {
        "one 3×3 layer": ([3], [1]),
        "two 3×3 layers": ([3, 3], [1, 1]),
        "kernels 3, 3, 5 with strides 2, 1, 1": ([3, 3, 5], [2, 1, 1]),
        "kernels 7, 3, 1, 3 with strides 2, 2, 1, 3": ([7, 3, 1, 3], [2, 2, 1, 3]),
    },
    right=_field,
    mistakes={
        "You add whole kernels. Two 3×3 layers overlap: the second one sees only one pixel more on each "
        "side.": lambda kernels, strides: sum(kernels),
        "You add whole kernels to a first pixel. A 1×1 layer sees nothing new: what does k add, then?": (
            lambda kernels, strides: 1 + sum(kernels)
        ),
        "You begin at 0. Without any layer, a number still depends on one pixel: itself.": (
            lambda kernels, strides: _field(kernels, strides) - 1
        ),
        "You left out the strides. After a stride of 2, neighbours are two input pixels apart.": (
            lambda kernels, strides: 1 + sum(kernel - 1 for kernel in kernels)
        ),
        "A layer's stride widens the step of the layers *after* it, not its own.": _own_stride,
        "Strides multiply: after two layers of stride 2, neighbours are four input pixels apart.": (
            _strides_not_multiplied
        ),
        "You multiply the kernels. Each layer adds to the side; what grows by multiplication is the step "
        "between neighbours.": lambda kernels, strides: math.prod(kernels),
        "You count the pixels of the square. Its side is asked for.": (
            lambda kernels, strides: _field(kernels, strides) ** 2
        ),
        "You went from the output to the input: the strides that count are those *before* a layer.": (
            _from_the_output
        ),
    },
    praise="The side grows by (k − 1) · step, and the step is the product of all strides before.",
)

UNIT_PARAMETERS = Exercise(
    cases=lambda: {f"{channels} channels": (channels,) for channels in (1, 8, 16)},
    right=lambda c: 2 * (9 * c * c) + 2 * (2 * c),
    mistakes={
        "You left out the norms: each has a weight and a bias for every channel.": lambda c: 18 * c * c,
        "Each norm has *two* numbers for every channel that training changes, a weight and a bias.": (
            lambda c: 18 * c * c + 2 * c
        ),
        "You count the norms' running averages too. Training does not change them by the gradient: they are "
        "buffers, not parameters.": lambda c: 18 * c * c + 8 * c,
        "You count one of the two layers.": lambda c: 9 * c * c + 2 * c,
        "A 3×3 kernel has 9 numbers, not 3.": lambda c: 6 * c * c + 4 * c,
        "Every output channel has a kernel for *every* input channel.": lambda c: 18 * c + 4 * c,
        "You gave the convolutions a bias. They have none: the norm behind would subtract it.": (
            lambda c: 18 * c * c + 6 * c
        ),
        "You gave the shortcut weights. The identity has none.": lambda c: 19 * c * c + 4 * c,
    },
    praise="Count once more without shortcut: it is the same number. The identity costs no parameter.",
)


def _rule(deep: Sequence[float], shallow: Sequence[float], t: float = T, root: float = 3**0.5) -> str:
    return _word([d - s for d, s in zip(deep, shallow, strict=True)], t, root)


def _word(differences: Sequence[float], t: float = T, root: float = 3**0.5) -> str:
    margin = t * stdev(differences) / root
    return _by_bounds(mean(differences) - margin, mean(differences) + margin)


def _by_bounds(low: float, high: float, least: float = MARGIN) -> str:
    if low >= least:
        return "supported"
    return "contradicted" if high < least else "not settled"


def _unpaired(deep: Sequence[float], shallow: Sequence[float]) -> str:
    margin = T * ((stdev(deep) ** 2 + stdev(shallow) ** 2) / 3) ** 0.5
    return _by_bounds(mean(deep) - mean(shallow) - margin, mean(deep) - mean(shallow) + margin)


def _differences(deep: Sequence[float], shallow: Sequence[float]) -> list[float]:
    return [d - s for d, s in zip(deep, shallow, strict=True)]


def _without_margin(deep: Sequence[float], shallow: Sequence[float]) -> str:
    d = _differences(deep, shallow)
    margin = T * stdev(d) / 3**0.5
    return _by_bounds(mean(d) - margin, mean(d) + margin, least=0.0)


def _population_sd(deep: Sequence[float], shallow: Sequence[float]) -> str:
    d = _differences(deep, shallow)
    margin = T * pstdev(d) / 3**0.5
    return _by_bounds(mean(d) - margin, mean(d) + margin)


def _never_contradicted(deep: Sequence[float], shallow: Sequence[float]) -> str:
    return "supported" if _rule(deep, shallow) == "supported" else "not settled"


def _verdict_cases() -> Cases:
    return {
        "errors that are far apart": ([80.0, 78.0, 82.0], [1.0, 2.0, 1.5]),
        "a deeper net that is better": ([1.0, 1.2, 1.1], [3.0, 3.1, 3.3]),
        "seeds that scatter widely": ([3.0, 30.0, 9.0], [1.0, 1.0, 1.0]),
        "a difference of half a point in each seed": ([2.5, 2.6, 2.55], [2.0, 2.1, 2.05]),
        "seeds that differ more than the nets": ([12.0, 22.0, 32.0], [10.0, 20.1, 29.9]),
        "one seed that stands out a little": ([1.2, 1.3, 2.2], [1.0, 1.0, 1.0]),
        "one seed that failed": ([1.1, 1.2, 90.0], [1.0, 1.0, 1.0]),
        "a scatter that just counts": ([3.0, 4.0, 5.0], [0.5, 0.6, 0.4]),
        "a lower bound between 0 and 1": ([2.0, 2.6, 2.3], [1.0, 1.0, 1.0]),
        "a scatter in which t decides": ([2.3, 3.3, 4.3], [1.0, 1.0, 1.0]),
        "a scatter in which n decides": ([2.5, 3.5, 4.5], [1.0, 1.0, 1.0]),
        "a scatter in which √3 decides": ([3.2, 4.2, 5.2], [1.0, 1.0, 1.0]),
    }


VERDICT = Exercise(
    cases=_verdict_cases,
    right=_rule,
    mistakes={
        "You compare the means alone. Three seeds that scatter widely settle nothing: use the bounds.": (
            lambda deep, shallow: _by_bounds(*2 * [mean(_differences(deep, shallow))])
        ),
        "You take shallow − deep. The claim is that the *deeper* net has the higher error.": (
            lambda deep, shallow: _rule(shallow, deep)
        ),
        "You give all deep nets one spread and all shallow ones another. The rule pairs them: first the "
        "difference in each seed, then the spread of these.": _unpaired,
        "A difference above 0 is not enough: the rule asks for a whole percentage point.": _without_margin,
        "You divide by n in the standard deviation. From three values it is estimated with n − 1.": (
            _population_sd
        ),
        "You use 1.96, which is for many values. With three seeds, Student's t is 2.92.": (
            lambda deep, shallow: _rule(deep, shallow, t=1.96)
        ),
        "You left out √3: the mean of three seeds scatters less than one seed.": (
            lambda deep, shallow: _rule(deep, shallow, root=1.0)
        ),
        "You let the best seed decide. The rule asks what all three allow.": (
            lambda deep, shallow: "supported" if max(_differences(deep, shallow)) >= 1 else "contradicted"
        ),
        "You take the median, which does not see a seed that failed.": (
            lambda deep, shallow: _by_bounds(*2 * [median(_differences(deep, shallow))])
        ),
        "You never say “contradicted”: that is the word where even the upper bound is below 1 point.": (
            _never_contradicted
        ),
        "“Not supported” is not yet “contradicted”. There is a third word for what is in between.": (
            lambda deep, shallow: "supported" if _rule(deep, shallow) == "supported" else "contradicted"
        ),
    },
    praise="That is the study's own rule: it was fixed before any net was trained.",
)
