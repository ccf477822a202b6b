"""How far a run is: the record behind its status.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnet_edu.runs.fields import Fields

STATES = ("queued", "running", "done", "stopped", "interrupted", "diverged", "failed")


@dataclass(frozen=True)
class Status:
    """How far a run is.

    - `state`: one of `STATES`. "interrupted" is a run whose process died; no file says so.
    - `step`, `steps`: SGD steps made, and to make.
    - `seconds`: of training so far.
    - `message`: a sentence for the reader: why it failed, or what it is busy with.
    - `has_job`: of an interrupted run: a job in the queue asks workers to train it on.
    """

    state: str
    step: int
    steps: int
    seconds: float
    message: str = ""
    has_job: bool = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], steps: int, where: str | Path) -> Status:
        """From the content of a status.json of a run of so many `steps`; raises `RunError`, which names
        the file `where` and the key."""
        fields = Fields(data, where)
        return cls(
            state=fields.text("state", "queued", allowed=STATES),
            step=fields.integer("step", 0, high=steps),
            steps=steps,
            seconds=fields.number("seconds", 0.0),
            message=fields.text("message", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        seconds = round(self.seconds, 3)
        return {"state": self.state, "step": self.step, "seconds": seconds, "message": self.message}

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None before the first step and after the last."""
        if self.state != "running" or not self.step:
            return None
        return self.seconds / self.step * (self.steps - self.step)

    @property
    def ended(self) -> bool:
        """No process trains the run, and no job in the queue asks for it."""
        return self.state not in ("queued", "running") and not self.has_job

    @property
    def complete(self) -> bool:
        """Trained to its last step, or to where it diverged."""
        return self.state in ("done", "diverged")
