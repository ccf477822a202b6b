"""Tables of a study's runs: a row for each run, values by arm and seed, and the verdict's sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.effects import UNSETTLED, Effect, agreed, listed
from resnet_edu.studies.study import Measured, Verdict

CHANCE = 90.0  # % error, with ten classes of equal size
ERRORS = ("train_error", "train_error_batch", "test_error")
WINDOW = 10  # steps
Values = Mapping[str, float]


def last_errors(run: Measured) -> dict[str, float]:
    """`ERRORS` in % at the run's last evaluation; NaN before the first. A diverged run's are chance: it has
    learnt nothing that is left."""
    if run.status().state == "diverged":
        return dict.fromkeys(ERRORS, CHANCE)
    evals = run.evals()
    last: Mapping[str, float] = evals.iloc[-1].to_dict() if len(evals) else {}
    return {error: float(last.get(error, math.nan)) for error in ERRORS}


def steps_until(run: Measured, loss: float) -> float:
    """After how many steps the mean training loss of ten batches first was at most so many nats; all steps
    of the recipe if it never was."""
    losses = run.steps()["loss"].rolling(WINDOW).mean()
    reached = losses[losses <= loss]
    return float(reached.index[0] + 1 if len(reached) else run.experiment.recipe.steps)


def table(
    runs: Iterable[Measured],
    values: Callable[[Measured], Values],
    arm: Callable[[Experiment], str] = lambda experiment: experiment.label,
) -> pd.DataFrame:
    """One row a run: `arm`, `seed`, the values, `run` (its name) and `state`."""
    rows = [
        {
            "arm": arm(run.experiment),
            "seed": run.experiment.seed,
            **values(run),
            "run": run.name,
            "state": run.status().state,
        }
        for run in runs
    ]
    return pd.DataFrame(rows, columns=None if rows else ["arm", "seed", "run", "state"])


def start_table(
    runs: Iterable[Measured], rows: Callable[[Measured], list[dict[str, object]]]
) -> pd.DataFrame:
    """For nets at their start: the rows of each run, `seed` and `run` added. All of them count: "done"."""
    found = [
        {**row, "seed": run.experiment.seed, "run": run.name, "state": "done"}
        for run in runs
        for row in rows(run)
    ]
    return pd.DataFrame(found, columns=None if found else ["arm", "seed", "run", "state"])


def by_seed(measured: pd.DataFrame, value: str, arm: str) -> dict[int, float]:
    """The value of an arm, by seed, of runs that have ended or diverged. Two attempts at one experiment are
    averaged, not counted twice."""
    if value not in measured:
        return {}
    counts = measured["state"].isin(("done", "diverged")) & measured[value].notna() & (measured["arm"] == arm)
    means = measured[counts].groupby("seed")[value].mean()
    return {int(seed): float(mean) for seed, mean in means.items()}


def differences(measured: pd.DataFrame, value: str, more: str, less: str) -> dict[int, float]:
    """The arm `more` minus the arm `less`, by the seeds that both have."""
    return _paired(measured, value, more, less, lambda one, other: one - other)


def log2_ratios(measured: pd.DataFrame, value: str, more: str, less: str) -> dict[int, float]:
    """The binary logarithm of `more` : `less`, by the seeds that both have; NaN unless both are positive."""
    return _paired(
        measured,
        value,
        more,
        less,
        lambda one, other: math.log2(one / other) if min(one, other) > 0 else math.nan,
    )


def _paired(
    measured: pd.DataFrame, value: str, more: str, less: str, compare: Callable[[float, float], float]
) -> dict[int, float]:
    one, other = by_seed(measured, value, more), by_seed(measured, value, less)
    return {seed: compare(one[seed], other[seed]) for seed in one if seed in other}


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    """One row an arm, over its ended runs: n, and each value's mean and sd."""
    ended = measured[measured["state"].isin(("done", "diverged"))]
    values = [name for name in measured.columns if name not in ("arm", "seed", "run", "state")]
    groups = ended.groupby(["arm", "seed"], sort=False)[values].mean().groupby("arm", sort=False)
    columns = {"n": groups.size()}
    for value in values:
        columns |= {value: groups[value].mean(), f"{value}_sd": groups[value].std()}
    return pd.DataFrame(columns).reset_index()


def judge(
    measured: pd.DataFrame,
    effects: Sequence[Effect],
    needs: Sequence[Effect] = (),
    says: Mapping[str, str] | None = None,
    beside: Sequence[Effect] = (),
) -> Verdict:
    """The verdict on a claim whose parts are `effects`, all of them.

    - `needs`: what must hold before the claim can be put to the test at all; else it is not settled.
    - `says`: what each word means here, as the sentence's beginning.
    - `beside`: effects that are reported, and do not enter the verdict.
    """
    failed = [each for each in needs if each.word != "supported"]
    word = UNSETTLED if failed else agreed(each.word for each in effects)
    begins = [f"{says[word]}."] if says and word in says else []
    begins += [f"The test needs this first: {listed([each])}" for each in failed]
    open_parts = (
        [each.unsettled for each in effects if each.unsettled] if word == UNSETTLED and not failed else []
    )
    begins += [f"Not settled: {'; '.join(open_parts)}."] if open_parts else []
    numbers = [listed(effects), *([f"Beside it: {listed(beside)}"] if beside else [])]
    said = " ".join([*begins, *numbers, *caveats(measured)])
    return Verdict(word, said, {}, (*effects, *beside))


def caveats(measured: pd.DataFrame) -> list[str]:
    """How many runs diverged, and how many do not count since they have not ended."""
    diverged = int((measured["state"] == "diverged").sum())
    unfinished = int((~measured["state"].isin(("done", "diverged"))).sum())
    return [
        *([f"{_runs(diverged)} diverged: counted as chance, {CHANCE:g} % error."] if diverged else []),
        *([f"{_runs(unfinished)} without an end: not counted."] if unfinished else []),
    ]


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"
