"""What visitors of the app may start: bounds that the server's owner sets. No torch here.

A visitor is a client with a name, such as a browser's session. Calls without a client come from the owner,
on the command line or in a notebook, and have no limits.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from resnet_edu.experiment import Experiment
from resnet_edu.jobs.estimate import Estimate, Speed, estimate, gigabytes, in_words
from resnet_edu.jobs.queue import TrainJob, pending
from resnet_edu.runs import Run, RunError, Shelf

TOGETHER = 4
"""All visitors together may have so many times the minutes of one."""
MOST_PROBES = 1000
"""Questions of visitors that may wait: the queue is a folder that each worker reads whole."""
Task = tuple[Experiment, int]
"""What is trained, and the step at which it begins or resumes."""


class LimitError(RunError):
    """A visitor may not start this: the message says why, and what would be allowed."""


@dataclass(frozen=True)
class Limits:
    """What one visitor may have waiting and in training.

    - `minutes`: in all, by the estimate, with as many trainings at once as the machine has slots.
    - `gigabytes`: of memory, for each training.
    - `trainings`: how many.
    """

    minutes: float = 120.0
    gigabytes: float = 2.0
    trainings: float = 72.0

    @classmethod
    def of_owner(cls) -> Limits:
        """From `RESNET_EDU_MAX_MINUTES`, `RESNET_EDU_MAX_MEMORY` (in GB) and `RESNET_EDU_MAX_TRAININGS`.

        "inf" there is no limit. Raises `RunError` for what is no number above 0.
        """
        return cls(
            _number("RESNET_EDU_MAX_MINUTES", cls.minutes),
            _number("RESNET_EDU_MAX_MEMORY", cls.gigabytes),
            _number("RESNET_EDU_MAX_TRAININGS", cls.trainings),
        )


def check(experiments: Sequence[Experiment], shelf: Shelf, client: str, limits: Limits) -> Estimate:
    """What it takes to train these; raises `LimitError` where `client` may not start them."""
    queued = [job for job in pending(shelf) if isinstance(job, TrainJob)]
    new = _to_train(experiments, shelf, {job.run for job in queued})
    speed = Speed.measured(shelf)
    found = estimate(new, speed)
    if not new:
        return found
    if found.gigabytes > limits.gigabytes:
        label = max((experiment for experiment, _ in new), key=gigabytes).label
        raise LimitError(
            f"{label} would need about {found.gigabytes:.1f} GB of memory; allowed on this server: "
            f"{limits.gigabytes:g} GB a training. A smaller width needs less"
        )
    own = [job for job in queued if client in job.clients]
    if len(own) + len(new) > limits.trainings:
        raise LimitError(
            f"{len(own)} trainings of yours have not ended, and this would add {len(new)}; allowed on this "
            f"server: {limits.trainings:g} for one visitor. Wait for some to end, or stop them"
        )
    _check_minutes(new, _left(own, shelf), speed, limits.minutes, "for one visitor")
    visitors = _left([job for job in queued if any(job.clients)], shelf)
    _check_minutes(new, visitors, speed, TOGETHER * limits.minutes, "for all visitors together")
    return found


def _check_minutes(
    new: Sequence[Task], waiting: Sequence[Task], speed: Speed, minutes: float, whom: str
) -> None:
    budget, takes = 60 * minutes, estimate([*waiting, *new], speed).seconds
    if takes <= budget:
        return
    wait = estimate(waiting, speed).seconds
    part = f", {in_words(wait)} of it for trainings that were begun before" if waiting else ""
    steps = math.floor((budget - wait) / estimate(new, speed).seconds * new[0][0].recipe.steps)
    helps = f"with at most {steps:,} steps each they would fit" if steps > 0 else "wait until some have ended"
    raise LimitError(
        f"this would keep the server busy for about {in_words(takes)}{part}; allowed {whom}: "
        f"{in_words(budget)}. Train fewer or smaller nets, or fewer steps: {helps}"
    )


def _to_train(experiments: Sequence[Experiment], shelf: Shelf, queued: set[str]) -> list[Task]:
    """Without those that wait or train already, and those that are complete, unless all are."""
    latest = [shelf.latest(experiment) for experiment in experiments]
    steps = [0 if run is None else _step(run) for run in latest]
    if all(run is not None and step is None for run, step in zip(latest, steps, strict=True)):
        return [(experiment, 0) for experiment in experiments]
    waits = [run is not None and run.name in queued for run in latest]
    return [
        (experiment, step)
        for experiment, step, queues in zip(experiments, steps, waits, strict=True)
        if step is not None and not queues
    ]


def _step(run: Run) -> int | None:
    """The step from which the run would be trained on; None where it is complete."""
    try:
        status = run.status()
    except RunError:  # damaged: the worker will say so
        return 0
    return None if status.complete else status.step


def _left(jobs: Iterable[TrainJob], shelf: Shelf) -> list[Task]:
    """What is left of queued trainings; of those whose run was removed or is damaged, nothing."""
    found = []
    for job in jobs:
        with suppress(RunError):
            run = Run(shelf.path / job.run)
            found.append((run.experiment, run.status().step))
    return found


def _number(name: str, default: float) -> float:
    text = os.environ.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number > 0:
        raise RunError(f"{name} is {text!r}; allowed: a number above 0, or inf for no limit")
    return number
