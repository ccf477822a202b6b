"""Labels and ticks: beside what they name, not on top of one another, in powers of ten where it helps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def spread(at: Sequence[float] | np.ndarray, gap: float, high: float) -> list[float]:
    """Positions near `at`, in the same order of size, at least `gap` apart, and none above `high`."""
    order = np.argsort(at, kind="stable")
    places = np.asarray(at, dtype=float)[order]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    ceiling = high
    for i in reversed(range(len(places))):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - gap
    spread_out = np.empty_like(places)
    spread_out[order] = places
    return [float(place) for place in spread_out]


def decades(low: float, high: float) -> tuple[list[float], list[str]]:
    """Ticks for 10^low … 10^high: their exponents, and texts such as '10⁻³' for 8 decades at most, or
    0.1, 0.2, 0.5 … where there are fewer than two powers of ten, in even steps where those are too few."""
    every = max(1, math.ceil((high - low) / 8))
    powers = [n for n in range(math.ceil(low), math.floor(high) + 1) if n % every == 0]
    if len(powers) > 1:
        return [float(n) for n in powers], [f"10<sup>{n}</sup>".replace("-", "−") for n in powers]
    values = [digit * 10.0**n for n in range(math.floor(low), math.ceil(high) + 1) for digit in (1, 2, 5)]
    values = [value for value in values if low <= math.log10(value) <= high]
    if len(values) < 2:
        values = _even(10.0**low, 10.0**high)
    return [math.log10(value) for value in values], [f"{value:.3g}" for value in values]


def _even(low: float, high: float) -> list[float]:
    """Three to seven round values, equally far apart."""
    unit = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(unit * n for n in (1, 2, 5, 10) if high - low <= 6 * unit * n)
    return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def whole_numbers(span: float) -> dict[str, int]:
    """Axis settings that keep the ticks of a count whole, also where the axis spans two or three."""
    return {"dtick": 1} if span < 5 else {"nticks": 6}


def layer_ticks(layers: int) -> tuple[list[int], list[str]]:
    """Ticks for layers 1 … `layers`; the first and last say which side of the net they are."""
    every = next((n for n in (1, 2, 5, 10, 20, 50, 100, 200) if layers <= 8 * n), 500)
    between = [n for n in range(every, layers, every) if 1 < n <= layers - 0.9 * every]
    ticks = sorted({1, *between, layers})
    return ticks, [{layers: f"output {n}", 1: f"input {n}"}.get(n, str(n)) for n in ticks]
