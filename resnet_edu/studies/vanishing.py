"""Is degradation the same as vanishing gradients?

Question   Where a deep plain or residual net trains worse than a shallow one, did its gradient vanish?
Source     Tutorials say that it did. He 2015 §4.1: "this optimization difficulty is unlikely to be caused by
           vanishing gradients". Balduzzi 2017 §1: gradients that do not vanish can still shatter.
Arms       {plain, residual} × {batch norm, none} × {He, small normal weights} × {20, 50 dense layers} ×
           seeds.
Command    resnet-edu study vanishing --budget minute
Cost       48 trainings of dense nets, under a minute on two laptop cores.

Decision rule, fixed before any run
    A configuration (skip, norm, weights) *degrades* if the training error of 50 layers minus that of 20, by
    seed, has its lower bound at 1 point or more, and the 20 layers have learnt: at most 45 % in each seed.
    Its gradient *vanishes* if in most seeds, at the first step, the gradient's norm at the first unit of the
    deep net is below 1/100 of that at its last unit, or below 1/1000 of that at the shallow net's first unit.
    supported      in every configuration that degrades the gradient vanishes
    contradicted   in none of them
    depends        in some of them
    otherwise      not settled: no configuration degrades, or an arm has fewer than 3 seeds
    Two other failures are counted apart, and named: configurations whose shallow net has not learnt either.
    The correlation of gradients at nearby inputs is reported beside the norms, and decides nothing.

Caveats    Dense nets on digits. The norm is that of the gradient at units' outputs; `small normal` is 0.01.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.experiment.parts import BatchNorm, NoNorm
from resnet_edu.studies.arms import SEEDS, each_seed, named
from resnet_edu.studies.effects import MIN_SEEDS, UNSETTLED, Effect, at_least
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import by_seed, caveats, differences, last_errors, summary, table

DEEP, SHALLOW = 50, 20
LEARNT, MARGIN = 45.0, 1.0  # % error, percentage points
RATIO, AGAINST_SHALLOW = 1e-2, 1e-3
WORDS = {"batch": "batch norm", "none": "no norm", "he": "He", "small-normal": "small"}


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    nets = [
        named(budget, f"dense-{twin}-{depth}", norm=norm, init=init)
        for depth, norm, init, twin in itertools.product(
            (DEEP, SHALLOW), (BatchNorm(), NoNorm()), ("he", "small-normal"), ("plain", "resnet")
        )
    ]
    return each_seed(budget, nets, seeds)


def name(experiment: Experiment) -> str:
    """'plain, batch norm, He, 50': the configuration, then the depth."""
    net = experiment.net
    twin = "plain" if net.plain else "residual"
    return f"{twin}, {WORDS[net.norm.kind]}, {WORDS[net.init]}, {net.depth}"


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: its last errors in %; `first` and `last`, the norms of the gradient at its first and
    last unit's output before the first step; `correlation` there, of the first unit."""
    return table(runs, lambda run: {**last_errors(run), **_start(run.units())}, arm=name)


def _start(units: pd.DataFrame) -> dict[str, float]:
    at = units[units["step"] == units["step"].min()] if len(units) else units
    if not len(at):
        return dict.fromkeys(("first", "last", "correlation"), math.nan)
    first, last = at.iloc[0], at.iloc[-1]
    return {
        "first": float(first["gradient"]),
        "last": float(last["gradient"]),
        "correlation": float(first["correlation"]),
    }


def verdict(measured: pd.DataFrame) -> Verdict:
    named_arms = [str(arm) for arm in measured["arm"].unique()]
    kinds = list(dict.fromkeys(arm.rsplit(", ", 1)[0] for arm in named_arms))
    found = {kind: _degrades(measured, kind) for kind in kinds}
    bad = {kind: effect for kind, effect in found.items() if effect.word == "supported"}
    vanished = {kind: _vanishes(measured, kind) for kind in bad}
    whole = bool(found) and all(effect.n >= MIN_SEEDS for effect in found.values())
    word = UNSETTLED
    if whole and bad:
        word = (
            "supported" if all(vanished.values()) else "depends" if any(vanished.values()) else "contradicted"
        )
    said = [
        f"{kind}: {'its gradient vanishes' if small else _healthy(measured, kind)}."
        for kind, small in vanished.items()
    ]
    gone = sum(vanished.values())
    begins = f"{len(bad)} of {len(kinds)} configurations degrade; the gradient vanishes in {gone}."
    stuck = [kind for kind in kinds if not _learnt(measured, kind)]
    said += [f"Neither depth learnt: {'; '.join(stuck)}."] if stuck else []
    sentence = " ".join([begins, *said, *caveats(measured)])
    return Verdict(word, sentence, {}, tuple(bad.values()) or tuple(found.values()))


def _degrades(measured: pd.DataFrame, kind: str) -> Effect:
    values = differences(measured, "train_error", f"{kind}, {DEEP}", f"{kind}, {SHALLOW}")
    effect = at_least(f"training error of {kind}, {DEEP} − {SHALLOW} layers", values, MARGIN)
    if _learnt(measured, kind):
        return effect
    return Effect(**{**vars(effect), "word": UNSETTLED})


def _learnt(measured: pd.DataFrame, kind: str) -> bool:
    return all(error <= LEARNT for error in by_seed(measured, "train_error", f"{kind}, {SHALLOW}").values())


def _vanishes(measured: pd.DataFrame, kind: str) -> bool:
    first, last = (by_seed(measured, value, f"{kind}, {DEEP}") for value in ("first", "last"))
    shallow = by_seed(measured, "first", f"{kind}, {SHALLOW}")
    gone = [
        first[seed] < RATIO * last[seed] or first[seed] < AGAINST_SHALLOW * shallow.get(seed, 0.0)
        for seed in first
        if seed in last
    ]
    return sum(gone) > len(gone) / 2


def _healthy(measured: pd.DataFrame, kind: str) -> str:
    arm = f"{kind}, {DEEP}"
    first, last, cosine = (by_seed(measured, value, arm) for value in ("first", "last", "correlation"))
    ratios = [first[seed] / last[seed] for seed in first if last.get(seed)]
    if not ratios or not cosine:
        return "no gradient was recorded"
    mean = sum(cosine.values()) / len(cosine)
    return f"it does not (first : last {sorted(ratios)[len(ratios) // 2]:.3g}; nearby correlation {mean:.2g})"


STUDY = Study(
    name="vanishing",
    title="Is degradation the same as vanishing gradients?",
    claim="Degradation is vanishing gradients.",
    source="widespread in tutorials; He et al. 2015, §4.1 says it is not (arXiv:1512.03385)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
)
