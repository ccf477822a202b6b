"""Does a deeper net train worse?

Question   Is the training error of a deep plain net higher than that of a shallow one, so that it is
           not overfitting? And does its residual twin suffer too?
Source     He 2015 §1 and Fig. 1 (degradation); §4.2 and Fig. 6 (residual nets on CIFAR-10).
Arms       plain and residual × depths × seeds 0, 1, 2. Twins differ by the shortcut (option A) alone.
Command    resnet-edu study degradation --budget minute
Cost       18 trainings at `minute` (all of them about a minute on two laptop cores) and at `lesson`;
           12 at `lesson-cifar`; 12 at `quarter`, which take a day on two cores; 30 at `paper`, which is
           for a GPU.

Decision rule, fixed before any run
    d = training error of the deepest plain net − that of the shallowest, with the same seed, in
    percentage points, over the full training set, in eval mode, at the last evaluation.
    Its one-sided 95 % bounds are mean ± t · sd / √n (Student; t = 2.92 at 3 seeds).
    supported      the lower bound is at least 1 point
    contradicted   the upper bound is below 1 point
    otherwise      not settled at this budget; likewise with fewer than 3 seeds, and where in any seed
                   the shallowest net has not itself learnt (its error is above half of chance).
    Running statistics that lag behind could fake degradation in eval mode, so the same rule is put to
    the error with batch statistics: where both disagree the verdict is `depends` (one supports, the
    other contradicts) or `not settled`.
    Two more differences are reported beside it, by the same rule, and do not enter the verdict: the
    residual twins' d, and what the shortcut is worth: deepest plain − residual of the same depth.
    A diverged run counts as chance, 90 %, whatever it reached before: it learnt nothing that is left.
    A run that has not ended (or was stopped, or failed, or is damaged) does not count, and is named in the
    evidence.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from resnet_edu.experiment import Experiment, budgets
from resnet_edu.runs import RunError
from resnet_edu.studies.effects import MIN_SEEDS, UNSETTLED, at_least
from resnet_edu.studies.evidence import Comparison, Evidence, Side
from resnet_edu.studies.intervals import interval
from resnet_edu.studies.report import sentence
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import CHANCE, ERRORS, last_errors

DEPTHS = {
    "minute": (8, 20, 56),
    "lesson": (8, 20, 56),
    "lesson-cifar": (20, 56),
    "quarter": (20, 56),
    "paper": (20, 32, 44, 56, 110),
}
SEEDS = (0, 1, 2)
MARGIN = 1.0  # percentage points
Arm = tuple[str, int]  # kind of net, depth
TEN_CLASSES = ("digits", "cifar10", "fashion-mnist")
COLUMNS = ("depth", "net", "seed", "step", *ERRORS, "run", "state")


def arms(budget: str, seeds: Sequence[int] = SEEDS, depths: Sequence[int] | None = None) -> list[Experiment]:
    """The trainings, deepest (longest) first so that they pack well, twins side by side.

    Raises `SpecError` for an unknown budget, or a depth or seed that no experiment takes.
    """
    budgets.get(budget)
    return [
        budgets.at(budget, f"{twin}-{depth}", seed)
        for depth in sorted(set(depths or DEPTHS[budget]), reverse=True)
        for seed in dict.fromkeys(seeds)
        for twin in ("plain", "resnet")
    ]


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run, of `COLUMNS`: errors in % at its last evaluation, after `step` steps; NaN before
    the first. A diverged run's errors are chance. Raises `ValueError` where the runs differ in more
    than depth, shortcut and seed, or where chance is unknown for their data."""
    runs = list(runs)
    _check_comparable([run.experiment for run in runs])
    return pd.DataFrame([_row(run) for run in runs], columns=list(COLUMNS))


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    """One row per depth and net over its ended runs: each error's mean and sd in %, and n seeds."""
    groups = _ended(measured).groupby(["depth", "net"])
    columns = {"n": groups.size()}
    for error in ERRORS:
        columns |= {error: groups[error].mean(), f"{error}_sd": groups[error].std()}
    return pd.DataFrame(columns).reset_index()


def verdict(measured: pd.DataFrame) -> Verdict:
    """What the decision rule above says. Evidence, in plain numbers (errors in %, differences in points, NaN
    where there is none): the comparisons 'plain', 'plain_batch', 'residual' and 'shortcut'."""
    plain = _depths_compared(measured, "plain", "train_error")
    batch = _depths_compared(measured, "plain", "train_error_batch")
    word = _agreed(plain["word"], batch["word"]) if batch["n"] else plain["word"]
    deep = plain["worse"]["depth"]
    evidence: Evidence = {
        "word": word,
        "margin": MARGIN,
        "min_seeds": MIN_SEEDS,
        "chance": CHANCE,
        "steps": int(measured["step"].max()) if len(measured) else 0,
        "plain": plain,
        "plain_batch": batch,
        "residual": _depths_compared(measured, "residual", "train_error"),
        "shortcut": _compared(measured, ("plain", deep), ("residual", deep), "train_error"),
        "diverged": sorted(measured["run"][measured["state"] == "diverged"]),
        "unfinished": sorted(measured["run"][~_counts(measured)]),
    }
    names = f"{_name(plain['worse'])} − {_name(plain['better'])}"
    effect = at_least(f"training error, {names}", plain["differences"], MARGIN)
    return Verdict(word, sentence(evidence), evidence, (effect,))


def _name(side: Side) -> str:
    return f"{side['net']}-{side['depth']}"


def _check_comparable(experiments: list[Experiment]) -> None:
    settings = {
        (e.data, dataclasses.replace(e.recipe, warmup=0), type(e.net), e.net.width) for e in experiments
    }
    shortcuts = {e.net.shortcut for e in experiments if not e.net.plain}
    if len(settings) > 1 or len(shortcuts) > 1:
        raise ValueError("the runs differ in more than depth, shortcut and seed: compare those of one budget")
    for kind in {e.data.kind for e in experiments}:
        if kind not in TEN_CLASSES:
            raise ValueError(f"data is {kind!r}; chance is 90 % only for {', '.join(TEN_CLASSES)}")


def _row(run: Measured) -> dict[str, Any]:
    net, name = run.experiment.net, "plain" if run.experiment.net.plain else "residual"
    row = {"depth": net.depth, "net": name, "seed": run.experiment.seed, "run": run.name}
    try:
        status, evals = run.status(), run.evals()
    except RunError:
        return row | dict.fromkeys(ERRORS, math.nan) | {"step": 0, "state": "damaged"}
    last = evals.iloc[-1] if len(evals) else {"step": 0}
    step = status.step if status.state == "diverged" else int(last["step"])
    return row | last_errors(run) | {"step": step, "state": status.state}


def _counts(measured: pd.DataFrame) -> pd.Series:
    return measured["state"].isin(("done", "diverged")) & measured["train_error"].notna()


def _ended(measured: pd.DataFrame) -> pd.DataFrame:
    """One row a seed: two attempts at one experiment are averaged, not counted twice."""
    return measured[_counts(measured)].groupby(["depth", "net", "seed"], as_index=False)[list(ERRORS)].mean()


def _depths_compared(measured: pd.DataFrame, net: str, error: str) -> Comparison:
    """The deepest net of this kind against the shallowest, whether or not their runs have ended."""
    depths = measured["depth"][measured["net"] == net]
    deep, shallow = (int(depths.max()), int(depths.min())) if len(depths) else (0, 0)
    return _compared(measured, (net, deep), (net, shallow), error)


def _compared(measured: pd.DataFrame, worse: Arm, better: Arm, error: str) -> Comparison:
    """The rule: is `worse` worse than `better` in this error, paired by seed?"""
    by_seed = _ended(measured).set_index("seed")
    sides = {"worse": worse, "better": better}
    is_side = {
        side: (by_seed["net"] == net) & (by_seed["depth"] == depth) for side, (net, depth) in sides.items()
    }
    pairs = pd.DataFrame({side: by_seed[error][chosen] for side, chosen in is_side.items()}).dropna()
    pairs = pairs.iloc[: 0 if worse == better else None]  # nothing is compared with itself
    differences = pairs["worse"] - pairs["better"]
    bounds = at_least("", {int(seed): float(value) for seed, value in differences.items()}, MARGIN)
    learnt = bool((pairs["better"] <= CHANCE / 2).all())
    return {
        "word": bounds.word if learnt else UNSETTLED,
        "learnt": learnt,
        "n": bounds.n,
        "mean": bounds.mean,
        "low": bounds.low,
        "high": bounds.high,
        "differences": {int(seed): float(value) for seed, value in differences.items()},
        "worse": _side(worse, pairs["worse"]),
        "better": _side(better, pairs["better"]),
    }


def _side(arm: Arm, errors: pd.Series) -> Side:
    spread = interval(errors.tolist())
    return {"net": arm[0], "depth": arm[1], "error": spread.mean, "sd": spread.sd}


def _agreed(eval_mode: str, batch_statistics: str) -> str:
    if eval_mode == batch_statistics:
        return eval_mode
    return UNSETTLED if UNSETTLED in (eval_mode, batch_statistics) else "depends"


STUDY = Study(
    name="degradation",
    title="Does a deeper net train worse?",
    claim="Past some depth, a deeper plain net has a higher training error than a shallower one.",
    source="He et al. 2015, §1, Fig. 1 and §4.2, Fig. 6 (arXiv:1512.03385)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    budgets=tuple(DEPTHS),
    by_depth=True,
)
