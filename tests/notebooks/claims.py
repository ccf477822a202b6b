"""What the fixed words of each lesson say, held to what its cells have just measured.

Each function is run in the lesson's own kernel, behind its last cell, and gets the lesson's names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd


def degradation(lesson: Mapping[str, Any]) -> None:
    runs = lesson["trained"]
    plain = runs["plain-56"].evals().iloc[-1]
    assert plain.train_error > 45  # it did not learn …
    assert abs(plain.train_error - plain.train_error_batch) < 10  # … by either average,
    assert plain.test_error - plain.train_error < 10  # … so it does not overfit;
    assert all(runs[name].evals()["train_error"].iloc[-1] < 5 for name in ("plain-8", "resnet-56"))
    gradient = _at_start(runs["plain-56"].layers(), "gradient")
    assert gradient.iloc[:4].min() > 10 * gradient.median()  # the first layers do not lack a signal
    assert _at_start(runs["plain-56"].units(), "correlation").iloc[0] < 0.2
    assert _at_start(runs["resnet-56"].units(), "correlation").iloc[0] > 0.5


def _at_start(table: pd.DataFrame, column: str) -> pd.Series:
    return table[table["step"] == 0][column]


def residual_formulation(lesson: Mapping[str, Any]) -> None:
    _weights_to_zero(lesson["away"], lesson["distances"])
    _sums_and_paths(lesson)
    _made_nets(lesson)
    _trained_on(lesson["late"])
    _exercises(lesson)


def _weights_to_zero(away: Mapping[str, np.ndarray], distances: Callable[..., list[float]]) -> None:
    residual, plain = away["residual"], away["plain"]
    assert (np.diff(residual, axis=1) < 0).all()  # smaller weights bring it nearer, …
    assert (residual[:, -1] == 0).all()  # … all the way;
    assert plain.min() > 80  # the plain one hardly,
    assert np.allclose(plain[:, -1], 100)
    kernels = distances("resnet-8", seed=0, turn_down="conv2")
    assert np.allclose(kernels[:-1], kernels[0], rtol=0.01)  # exercise 1: nothing happens until 0
    assert kernels[-1] == 0


def _sums_and_paths(lesson: Mapping[str, Any]) -> None:
    assert lesson["sum_off"] > 50  # %: "not even near"
    assert lesson["crooked_off"] > 20
    deep, shares = lesson["deep"], lesson["shares"]
    for column in ("F(x) : x, at the start", "F(x) : x, trained"):
        assert shares[column].is_monotonic_decreasing
        assert shares[column]["resnet-56"] < 0.6
    assert deep["F(x)"].max() < 2 * deep["F(x)"].min()  # about the same size,
    shrinks = np.flatnonzero(np.diff(deep["x"]) < 0) + 2  # while x grows, but where the picture shrinks
    assert {10, 19} <= set(shrinks)
    assert len(shrinks) <= 4
    assert lesson["extra"] < 0.01  # negligible additions


def _made_nets(lesson: Mapping[str, Any]) -> None:
    assert lesson["scratch"]["train_error"].min() > 45  # training ended far from what can be made
    assert lesson["scratch"]["train_loss"].min() > 100 * lesson["before"]["training loss"]
    assert lesson["before"]["training error (%)"] < 1
    assert lesson["not_in_training"]["training loss"] > 0.5  # the first copiers copy in eval mode only,
    assert lesson["again"]["training mode"]["training loss"] < 0.05  # the fitted ones nearly in both


def _trained_on(late: pd.DataFrame) -> None:
    """Losses by net and learning rate (rows) and order of the images (columns)."""
    assert late.loc["plain-56, lr 0.1"].min() > 1
    for stays in ("plain-8, lr 0.1", "resnet-56, lr 0.1", "plain-56, lr 0.001"):
        assert late.loc[stays].max() < 0.1


def _exercises(lesson: Mapping[str, Any]) -> None:
    surgery, build = lesson["surgery"], lesson["build"]
    surgery.deepen(build("resnet-8-pre"), 14)
    try:
        surgery.deepen(build("plain-8-pre"), 14)
    except surgery.SurgeryError:
        return
    raise AssertionError("a plain pre-activation unit was made to copy")


OF: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "01_degradation": degradation,
    "02_residual_formulation": residual_formulation,
}
