"""What textbooks draw instead of measuring: chains of scalars, and how fast gradients should decorrelate.

Pure formulas, to be drawn as labelled lines over the measured profile of a net of the same depth, and how far
each is off. Units are numbered 0 … n − 1 from the input; the gradient comes from the loss, behind unit n − 1.

    >>> chain(4, 0.5, residual=False).tolist()
    [0.125, 0.25, 0.5, 1.0]
    >>> chain(4, 0.5, residual=True).tolist()
    [3.375, 2.25, 1.5, 1.0]
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CORRELATIONS = ("plain", "residual", "residual with batch norm")


def chain(units: int, w: float, *, residual: bool) -> np.ndarray:
    """The gradient at each unit's output as a multiple of the last one's, float64 [units], if every unit were
    multiplication by a number: w^(n−1−i) for y = wx, and (1 + w)^(n−1−i) for y = x + wx.

    The residual one is what tutorials make of He 2016 eq. (5), ∂E/∂x_l = ∂E/∂x_L (1 + ∂/∂x_l Σ F(x_i)), "a
    term of ∂E/∂x_L that propagates information directly without concerning any weight layers, and another
    term". There the second term is a Jacobian, of which nothing says that it is a number, or that it is the
    same in every unit.
    """
    _at_least("units", units, 1)
    factor = 1 + w if residual else w
    with np.errstate(over="ignore", under="ignore"):
        return float(factor) ** np.arange(units - 1, -1, -1, dtype=float)


def fitted_w(gradient: Sequence[float], unit: int, *, residual: bool) -> float:
    """The w with which the chain is exact in one unit: by how much the measured `gradient` norms [units], at
    the units' outputs, grow from behind the unit to before it, w or 1 + w.

    Norms have no sign, so w ≥ 0 in a plain chain and ≥ −1 in a residual one. Raises `ValueError` for unit 0,
    whose input is no unit's output, and where nothing finite comes of it.
    """
    if not 1 <= unit < len(gradient):
        raise ValueError(f"unit is {unit}; allowed: 1 … {len(gradient) - 1}")
    before, behind = float(gradient[unit - 1]), float(gradient[unit])
    if not (math.isfinite(before) and math.isfinite(behind) and behind > 0):
        raise ValueError(f"the gradients around unit {unit} are {before:g} and {behind:g}: no ratio to fit")
    return before / behind - residual


def correlation(layers: float, kind: str, *, beta: float = 1.0) -> float:
    """The correlation of gradients at two inputs, after the gradient has come through so many layers of a
    rectifier net with He's initial weights; `kind` is one of `CORRELATIONS`.

    Balduzzi 2017 (arXiv 1702.08591), of the covariance C and correlation R of gradients at inputs i and j:

    plain                     Theorem 1: "The variance of the gradient at x⁽ⁱ⁾ is C(i) = 1", "the
                              covariance is C(i, j) = 1/2ᴸ": R = 1/2ᴸ
    residual                  Theorem 2, without norm: variance 2ᴸ, covariance (3/2)ᴸ: R = (3/4)ᴸ
    residual with batch norm  Theorem 3, with the branch times β: the variance is β²(L − 1) + 1, the
                              covariance ∼ β√L, the correlation ∼ 1/(β√L); here at most 1, and 1 at L = 0

    The theorems are about dense nets of rectifiers with random weights, of variance 2 / width, and inputs
    at which a unit is active half of the time, and at both a quarter of the time, as for two unrelated
    images. The rates follow: a layer multiplies the variance by 2 · ½ = 1 and the covariance by 2 · ¼ = ½,
    and a shortcut adds 1 to both, so R = (½)ᴸ and ((1 + ½) / (1 + 1))ᴸ. The paper's proofs are not checked
    here, nor is the constant that "∼", a rate for large L, leaves out.

    At inputs that differ by 1 % a unit is active at both nearly half of the time, and at first the
    correlation falls more slowly. Convolutions, two layers in a unit and trained weights are outside of the
    theorems, too. L counts layers in a plain net, and in theirs, whose units have one layer, units in a
    residual one.
    """
    if layers < 0 or beta <= 0:
        raise ValueError(f"layers is {layers}, beta is {beta}; allowed: layers ≥ 0 and beta > 0")
    if kind == "plain":
        return float(0.5**layers)
    if kind == "residual":
        return float(0.75**layers)
    if kind == "residual with batch norm":
        return min(1.0, 1 / (beta * math.sqrt(layers))) if layers else 1.0
    raise ValueError(f"kind is {kind!r}; allowed: {', '.join(CORRELATIONS)}")


def correlations(units: int, kind: str, *, layers_each: int = 2, beta: float = 1.0) -> np.ndarray:
    """`correlation` at each unit's output, float64 [units]: through the layers of the units behind it in a
    plain net, through those units in a residual one."""
    _at_least("units", units, 1)
    each = layers_each if kind == "plain" else 1
    return np.array([correlation(each * (units - 1 - i), kind, beta=beta) for i in range(units)])


def first_to_last(profile: Sequence[float]) -> float:
    """The first unit's value, as a multiple of the last one's; NaN where that is 0 or not finite."""
    first, last = float(profile[0]), float(profile[-1])
    return first / last if last and math.isfinite(last) else math.nan


def off_by(formula: float, measured: float) -> float:
    """How many times as large as the other the larger one is, ≥ 1; infinite where one of them is 0, and NaN
    where a factor says nothing: for a negative or unknown value."""
    if not (formula >= 0 and measured >= 0):
        return math.nan
    low, high = sorted((formula, measured))
    return high / low if low else (1.0 if not high else math.inf)


def gradient_sentence(formula: Sequence[float], measured: Sequence[float]) -> str:
    """By what factor a chain is off from the measured gradient norms, first : last, in one sentence."""
    says, found = first_to_last(formula), first_to_last(measured)
    return (
        f"The formula makes the first unit's gradient {number(says)} times the last one's; measured: "
        f"{number(found)} times. {_off(says, found)}"
    )


def correlation_sentence(formula: Sequence[float], measured: Sequence[float]) -> str:
    """By what factor a formula is off from the measured correlation at the first unit, in one sentence."""
    says, found = float(formula[0]), float(measured[0])
    return (
        f"The formula makes the correlation at the first unit {number(says)}; measured: {number(found)}. "
        f"{_off(says, found)}"
    )


def number(value: float) -> str:
    """Two digits: 0.013, 2.4, 150,000, or 1.3e-08."""
    if not math.isfinite(value):
        return "no finite number"
    rounded = float(f"{value:.2g}")
    return f"{rounded:.2g}" if not 10 <= abs(rounded) < 1e7 else f"{rounded:,.0f}"


def _off(says: float, found: float) -> str:
    factor = off_by(says, found)
    if math.isnan(factor):
        return "A factor between them says nothing, for one is negative or not finite."
    if math.isinf(factor):
        return "One of them is zero, so no factor says how far off the formula is."
    return f"It is off by a factor of {number(factor)}."


def _at_least(name: str, value: int, low: int) -> None:
    if value < low:
        raise ValueError(f"{name} is {value}; allowed: {low} …")
