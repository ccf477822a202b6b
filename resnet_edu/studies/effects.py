"""Effects: a number of each seed, its mean and bounds, and what a claim's threshold makes of it.

    >>> at_least("plain-56 − plain-8", {0: 60.0, 1: 70.0, 2: 80.0}, 1.0).word
    'supported'

The bounds are one-sided 95 % bounds of the mean, by Student's t (see `intervals`). A threshold is part of a
study's rule: it is written down before anything is trained.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping

from resnet_edu.studies.intervals import interval

UNSETTLED = "not settled at this budget"
MIN_SEEDS = 3


@dataclasses.dataclass(frozen=True)
class Effect:
    """One number that a claim is about.

    - `label`, `unit`: what it is; "points" are percentage points.
    - `n`, `mean`, `low`, `high`: over seeds, with one-sided 95 % bounds. NaN where there is no number.
    - `least`, `most`: the claim needs a number between them; infinite where it has one threshold only.
    - `word`: "supported" if both bounds are between them, "contradicted" if both are outside on one side.
    """

    label: str
    unit: str
    n: int
    mean: float
    low: float
    high: float
    least: float
    most: float
    word: str

    @property
    def needs(self) -> str:
        """The threshold in words: 'at least 1 point'."""
        least, most = (f"{value:.3g}".replace("-", "−") for value in (self.least, self.most))
        if math.isinf(self.most):
            return f"at least {least} {_units(self.unit, self.least)}".rstrip()
        between = f"below {most}" if math.isinf(self.least) else f"{least} to {most}"
        return f"{between} {_units(self.unit, self.most)}".rstrip()

    @property
    def bounded(self) -> str:
        """The number with its bounds: '+69.7 (+52.8 … +86.6)'; "" where there is none."""
        bounds = f" ({number(self.low)} … {number(self.high)})" if self.low < self.high else ""
        return f"{number(self.mean)}{bounds}" if self.n else ""

    @property
    def short(self) -> str:
        """The same with its unit."""
        return f"{self.bounded} {self.unit}".strip() if self.n else ""

    @property
    def unsettled(self) -> str:
        """Why it is not settled, and what would settle it; "" if it is."""
        if self.word != UNSETTLED:
            return ""
        if self.n < MIN_SEEDS:
            return f"{self.label}: {self.n} seeds of the {MIN_SEEDS} that the rule needs"
        return f"{self.label}: the bounds are on both sides of the threshold; more seeds would narrow them"


def listed(effects: Iterable[Effect]) -> str:
    """Effects as sentences: those that need the same are in one, each number with its bounds."""
    groups: dict[str, list[str]] = {}
    for each in effects:
        groups.setdefault(each.needs, []).append(f"{each.label} {each.bounded or 'no pair yet'}")
    return " ".join(f"{'; '.join(rows)}: the claim needs {needs}." for needs, rows in groups.items())


def at_least(label: str, values: Mapping[int, float], margin: float, unit: str = "points") -> Effect:
    """The claim: the mean over seeds is `margin` or more. `values` by seed; NaN is no value."""
    return within(label, values, margin, math.inf, unit)


def below(label: str, values: Mapping[int, float], margin: float, unit: str = "points") -> Effect:
    """The claim: the mean over seeds is below `margin`."""
    return within(label, values, -math.inf, margin, unit)


def within(label: str, values: Mapping[int, float], least: float, most: float, unit: str) -> Effect:
    """The claim: the mean over seeds is from `least` to below `most`."""
    bounds = interval([value for value in values.values() if not math.isnan(value)])
    word = UNSETTLED
    if bounds.n >= MIN_SEEDS:
        if bounds.low >= least and bounds.high < most:
            word = "supported"
        elif bounds.high < least or bounds.low >= most:
            word = "contradicted"
    return Effect(label, unit, bounds.n, bounds.mean, bounds.low, bounds.high, least, most, word)


def agreed(words: Iterable[str]) -> str:
    """One word for a claim of several parts: theirs if they agree; "depends" if each is settled, but not
    alike; else not settled. Without parts it is not settled."""
    found = set(words)
    if len(found) == 1:
        return found.pop()
    return "depends" if found == {"supported", "contradicted"} else UNSETTLED


def number(value: float) -> str:
    """Three digits with a sign: +12.3, −0.004, +1.2e+06."""
    if not math.isfinite(value):
        return "no number"
    shown = f"{value:+.3g}" if 1e-3 <= abs(value) < 1e4 or not value else f"{value:+.1e}"
    return shown.replace("-", "−") if "e" not in shown else shown


def _units(unit: str, value: float) -> str:
    """'points', but '1 point'; 'powers of ten', but '1 power of ten'."""
    first, space, rest = unit.partition(" ")
    return f"{first.removesuffix('s')}{space}{rest}" if value == 1 else unit
