"""Writing a run: one writer at a time, appended as it trains, resumable to the last checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock, Timeout

from resnet_edu.runs import files
from resnet_edu.runs.compute import ComputeConfig
from resnet_edu.runs.files import Row, RunBusy, RunError
from resnet_edu.runs.run import Run
from resnet_edu.runs.status import Status

if TYPE_CHECKING:
    import numpy as np


class Checkpoint(NamedTuple):
    """What a run resumes from: tensors by name, after so many steps and seconds of training."""

    tensors: dict[str, np.ndarray]
    step: int
    seconds: float


class RunWriter:
    """Holds the run's lock from `with` to its end; raises `RunBusy` when another process holds it."""

    def __init__(self, run: Run) -> None:
        self.run, self.path = run, run.path
        self._lock = FileLock(self.path / files.LOCK)

    def __enter__(self) -> RunWriter:
        try:
            self._lock.acquire(timeout=1)  # a reader asking "busy?" holds it for an instant
        except Timeout:
            raise RunBusy(f"{self.run.name} is being written by another process") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def begin(self, compute: ComputeConfig) -> Checkpoint | None:
        """Start or resume: returns the checkpoint, or None for a fresh start.

        Rows after the checkpoint are dropped; the steps after it are computed again. Raises
        `RunError`, and changes nothing, where checkpoint and rows do not belong together.
        """
        checkpoint = self._checkpoint()
        step = checkpoint.step if checkpoint else 0
        rows = sum(1 for row in files.read_rows(self.path / files.STEPS) if row["step"] < step)
        if rows != step:
            damaged = f"{self.path / files.STEPS} holds {rows} of the {step} steps before the checkpoint"
            raise RunError(f"{damaged}; remove {files.CHECKPOINT} beside it to train from the start")
        self._truncate(step, layers=len(compute.layers))
        self.write_compute(compute)
        return checkpoint

    def write_compute(self, compute: ComputeConfig) -> None:
        """How the run is computed; written again when an attempt to compile or capture fails."""
        files.write_json(self.path / files.HOW, compute.to_dict())

    def append_norms(self, norms: np.ndarray) -> None:
        """`norms` is float32 [recorded steps, 1 + 3·layers]: the step, then the norms."""
        with (self.path / files.LAYERS).open("ab") as file:
            file.write(norms.astype("<f4").tobytes())

    def append(self, steps: Sequence[Row], evals: Sequence[Row], blocks: Sequence[Row]) -> None:
        """Rows of one chunk of steps: one a step, one an evaluation, one an evaluation's units."""
        files.append_rows(self.path / files.STEPS, steps)
        files.append_rows(self.path / files.BLOCKS, blocks)
        files.append_rows(self.path / files.EVALS, evals)

    def status(self, state: str, step: int, seconds: float, message: str = "") -> None:
        status = Status(state, step, self.run.experiment.recipe.steps, seconds, message)
        files.write_json(self.path / files.STATUS, status.to_dict())

    def fail(self, message: str, state: str = "failed") -> None:
        """The run ends here, at the step and second that its status has; `message` says why."""
        try:
            last = self.run.status()
        except RunError:  # status.json itself is damaged
            last = Status(state, 0, 0, 0.0)
        self.status(state, last.step, last.seconds, message)

    def keep_weights(self, step: int, tensors: Mapping[str, np.ndarray]) -> None:
        from safetensors.numpy import save

        (self.path / files.WEIGHTS).mkdir(exist_ok=True)
        files.replace_file(files.weights_file(self.path, step), save(dict(tensors)))

    def checkpoint(self, tensors: Mapping[str, np.ndarray], *, step: int, seconds: float) -> None:
        """Everything that resuming needs, after so many steps and seconds."""
        from safetensors.numpy import save

        facts = json.dumps({"step": step, "seconds": seconds})
        files.replace_file(self.path / files.CHECKPOINT, save(dict(tensors), metadata={"facts": facts}))

    def finish(self, seconds: float) -> None:
        """Mark the run as done, and remove its checkpoint: its last weights are kept apart."""
        (self.path / files.CHECKPOINT).unlink(missing_ok=True)
        self.status("done", self.run.experiment.recipe.steps, seconds)

    def clear_stop(self) -> None:
        """Forget a stop request from before: the caller trains the run on."""
        (self.path / files.STOP).unlink(missing_ok=True)

    def should_continue(self) -> bool:
        """False once the run was asked to stop."""
        return not self.run.stop_requested()

    def _checkpoint(self) -> Checkpoint | None:
        from safetensors import SafetensorError, safe_open

        path = self.path / files.CHECKPOINT
        if not path.exists():
            return None
        try:
            with safe_open(path, "np") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                facts = json.loads(file.metadata()["facts"])
            step, steps = int(facts["step"]), self.run.experiment.recipe.steps
            if not 0 < step <= steps:
                raise ValueError(f"step is {step}; allowed: 1 … {steps}")
            return Checkpoint(tensors, step, float(facts["seconds"]))
        except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
            raise RunError(f"{path} is damaged ({error}); remove that file to train from the start") from None

    def _truncate(self, step: int, layers: int) -> None:
        files.keep_rows(self.path / files.STEPS, lambda row: row["step"] < step)
        for name in (files.EVALS, files.BLOCKS):
            files.keep_rows(self.path / name, lambda row: row["step"] <= step and step > 0)
        rows = files.read_norms(self.path / files.LAYERS, layers)
        files.replace_file(self.path / files.LAYERS, rows[rows[:, 0] < step].astype("<f4").tobytes())
        for kept in self.run.weight_steps():
            if kept > step or step == 0:
                files.weights_file(self.path, kept).unlink()
