"""How far several runs are together, and how long they will still take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resnet_edu.runs.run import Run


@dataclass(frozen=True)
class Progress:
    """`share` of the work done, 0 … 1; `seconds_left` is None before there is a pace to go by."""

    share: float
    seconds_left: float | None
    ended: int
    runs: int


def progress(runs: Sequence[Run], *, side_by_side: int) -> Progress:
    """The work of a step is taken as the net's depth; the pace is that of the steps done so far."""
    statuses = [(run.experiment.net.depth, run.status()) for run in runs]
    work = sum(depth * status.steps for depth, status in statuses)
    done = sum(depth * status.step for depth, status in statuses)
    skipped = sum(depth * (s.steps - s.step) for depth, s in statuses if s.ended)
    seconds = sum(status.seconds for _, status in statuses)
    left = work - done - skipped
    active = sum(1 for _, status in statuses if not status.ended)
    pace = seconds / done if done else None
    seconds_left = None if pace is None else left * pace / max(1, min(side_by_side, active))
    ended = len(statuses) - active
    return Progress((work - left) / work if work else 1.0, seconds_left, ended, len(statuses))
