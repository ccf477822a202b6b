"""The numbers behind a verdict: plain data, ready for JSON. Errors are in %, differences in points."""

from __future__ import annotations

from typing import TypedDict


class Side(TypedDict):
    """One side of a comparison: `net` ("plain" or "residual"), `depth`, mean `error` over seeds, its `sd`."""

    net: str
    depth: int
    error: float
    sd: float


class Comparison(TypedDict):
    """Is `worse` worse than `better`, paired by seed? NaN where there is no number.

    - `word`: the rule's answer.
    - `learnt`: true if `better` has learnt in every seed.
    - `n`: pairs.
    - `mean`, `low`, `high`: of the difference, with its one-sided 95 % bounds.
    - `differences`: by seed.
    """

    word: str
    learnt: bool
    n: int
    mean: float
    low: float
    high: float
    differences: dict[int, float]
    worse: Side
    better: Side


class Evidence(TypedDict, total=False):
    """Everything that the degradation study's verdict says; all keys, or none for another study.

    - `word`: the verdict.
    - `margin`: of the rule, in points.
    - `min_seeds`: that the rule needs.
    - `chance`: the error of a diverged run.
    - `steps`: at the last evaluation.
    - `plain`, `residual`: deepest against shallowest nets; `plain_batch` with batch statistics.
    - `shortcut`: deepest plain net against its residual twin.
    - `diverged`, `unfinished`: names of runs.
    """

    word: str
    margin: float
    min_seeds: int
    chance: float
    steps: int
    plain: Comparison
    plain_batch: Comparison
    residual: Comparison
    shortcut: Comparison
    diverged: list[str]
    unfinished: list[str]
