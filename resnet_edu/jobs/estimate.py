"""How long trainings will take on this machine, and how much memory each needs: before they start. No torch.

A step's time is estimated from four counts of the net: layers, activations and multiply-adds of the whole
batch, and parameters. `MILLISECONDS` has what one of each takes on one core. Runs that this machine has
trained correct the estimate: by the ratio of their measured time to the estimated one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

from resnet_edu.anatomy import parts
from resnet_edu.experiment import Experiment
from resnet_edu.jobs import pool
from resnet_edu.jobs.machine import side_of
from resnet_edu.runs import Run, RunError, Shelf, files

NEWEST = 40  # runs of this machine that are read
ALIKE = 9  # of them, those whose steps take the most similar time correct an estimate
WARM = 20  # steps; a run of fewer says little
PROCESS_BYTES = 0.7e9
"""What a worker takes before it has a net: PyTorch, mostly."""


class Counts(NamedTuple):
    """What one step has to do: layers, and millions of activations, of multiply-adds (of the whole batch) and
    of parameters."""

    layers: float
    activations: float
    multiply_adds: float
    parameters: float


MILLISECONDS = Counts(0.2, 2.0, 0.045, 7.0)
"""Each count's share of a step, forward, backward, norms and update: rounded from the recorded runs and from
wide nets on the same processor. `test_estimate` compares the recorded runs with it."""


@dataclass(frozen=True)
class Estimate:
    """What trainings will take.

    - `seconds`: until all have ended, as many at once as this machine has slots.
    - `gigabytes`: of memory, for the training that needs most.
    - `runs`: how many runs of this machine the speed was measured on; 0: it is that of the recorded runs.
    """

    seconds: float
    gigabytes: float
    runs: int


def estimate(tasks: Sequence[tuple[Experiment, int]], speed: Speed) -> Estimate:
    """What it takes to train the tasks: experiments, with the step at which each begins or resumes."""
    each = [speed.seconds(experiment, step) for experiment, step in tasks]
    slots = max(1, min(pool.slots(experiment for experiment, _ in tasks), len(each)))
    seconds = max(sum(each) / slots, max(each, default=0.0))
    return Estimate(seconds, max((gigabytes(e) for e, _ in tasks), default=0.0), len(speed.ratios))


@dataclass(frozen=True)
class Speed:
    """`ratios`: (estimated milliseconds per step, measured / estimated) of this machine's newest runs."""

    ratios: tuple[tuple[float, float], ...] = ()

    @classmethod
    def measured(cls, shelf: Shelf) -> Speed:
        """Of the shelf's newest runs. Damaged runs, and those of fewer than `WARM` steps, do not count."""
        ratios = (_ratio(run) for run in _newest(shelf))
        return cls(tuple(ratio for ratio in ratios if ratio is not None))

    def seconds(self, experiment: Experiment, step: int = 0) -> float:
        """From this step to the last one, alone on its slot."""
        expected = milliseconds(experiment)
        alike = sorted(self.ratios, key=lambda each: abs(math.log(each[0] / expected)))[:ALIKE]
        factor = median(ratio for _, ratio in alike) if alike else 1.0
        return (experiment.recipe.steps - step) * expected * factor / 1000


def milliseconds(experiment: Experiment) -> float:
    """Of one step, before this machine's runs correct it."""
    return sum(count * each for count, each in zip(_counts(_unseeded(experiment)), MILLISECONDS, strict=True))


def gigabytes(experiment: Experiment) -> float:
    """Memory of one training: the process, its activations with their gradients, and nine times the weights,
    for gradient, momentum, the norms' copies and a checkpoint."""
    counts = _counts(_unseeded(experiment))
    return (PROCESS_BYTES + 4e6 * (9 * counts.parameters + 2 * counts.activations)) / 1e9


def _unseeded(experiment: Experiment) -> Experiment:
    return replace(experiment, seed=0, recipe=replace(experiment.recipe, steps=1))


@functools.lru_cache(256)
def _counts(experiment: Experiment) -> Counts:
    rows = [row for part in parts(experiment.net, side=side_of(experiment)) for row in part.rows]
    batch = experiment.recipe.batch / 1e6
    activations = sum(math.prod(row.shape) for row in rows) * batch
    products = sum(row.macs for row in rows) * batch
    return Counts(len(rows), activations, products, sum(row.parameters for row in rows) / 1e6)


def _newest(shelf: Shelf) -> list[Run]:
    if not shelf.path.is_dir():
        return []
    found = [path for path in shelf.path.glob(f"[!.]*/{files.STATUS}") if path.is_file()]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [Run(path.parent) for path in found[:NEWEST] if (path.parent / files.EXPERIMENT).exists()]


def _ratio(run: Run) -> tuple[float, float] | None:
    try:
        status, expected = run.status(), milliseconds(run.experiment)
    except (RunError, ValueError, OSError):
        return None
    if status.step < WARM or not status.seconds:
        return None
    return expected, 1000 * status.seconds / status.step / expected


def in_words(seconds: float) -> str:
    """'40 s', '12 min', '3.5 hours', '20 days', '57 years'."""
    if not math.isfinite(seconds):
        return "any time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    for size, unit, up_to in ((60, "min", 121), (3600, "hours", 48), (86400, "days", 730)):
        if seconds < up_to * size:
            return f"{seconds / size:.2g} {unit}" if unit == "hours" else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400 / 365:,.0f} years"
