"""How far several runs are together, and how long they will still take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resnet_edu.runs.run import Run
from resnet_edu.runs.status import Status


@dataclass(frozen=True)
class Progress:
    """`share` of the work done, 0 … 1; `seconds_left` is None before the first step."""

    share: float
    seconds_left: float | None
    ended: int
    runs: int


def progress(runs: Sequence[Run], *, side_by_side: int, statuses: Sequence[Status] | None = None) -> Progress:
    """Estimates the work of a step as the net's depth, and the pace as that of the steps done so far.
    `side_by_side` runs train at once. Pass `statuses` where they have been read already."""
    now = [run.status() for run in runs] if statuses is None else statuses
    depths = [(run.experiment.net.depth, status) for run, status in zip(runs, now, strict=True)]
    work = sum(depth * status.steps for depth, status in depths)
    done = sum(depth * status.step for depth, status in depths)
    skipped = sum(depth * (s.steps - s.step) for depth, s in depths if s.ended)
    seconds = sum(status.seconds for _, status in depths)
    left = work - done - skipped
    active = sum(1 for _, status in depths if not status.ended)
    pace = seconds / done if done else None
    seconds_left = None if pace is None else left * pace / max(1, min(side_by_side, active))
    ended = len(depths) - active
    return Progress((work - left) / work if work else 1.0, seconds_left, ended, len(depths))
