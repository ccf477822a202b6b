"""Means of a few seeds with bounds by Student's t, since three seeds show little of their spread."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

# 95 % quantile of Student's t for 1 … 10 degrees of freedom; beyond, the last one is a little too strict.
_T95 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)


@dataclasses.dataclass(frozen=True)
class Interval:
    """Mean and sample standard deviation of n values, and the mean's one-sided 95 % bounds.

    `low` … `high` is therefore a 90 % interval: mean ± t·sd/√n. Without values all are NaN; with one
    value the mean is that value, and the rest NaN.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float


def interval(values: Sequence[float]) -> Interval:
    n = len(values)
    mean = math.fsum(values) / n if n else math.nan
    if n < 2:
        return Interval(n, mean, math.nan, math.nan, math.nan)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    margin = _T95[min(n - 1, len(_T95)) - 1] * sd / math.sqrt(n)
    return Interval(n, mean, sd, mean - margin, mean + margin)
