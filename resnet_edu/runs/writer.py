"""Writing a run: one writer at a time, appended as it trains, resumable to the last checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock, Timeout

from resnet_edu.runs import files, tensors
from resnet_edu.runs.checksums import Checksum
from resnet_edu.runs.compute import ComputeConfig
from resnet_edu.runs.fields import Fields
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
        self._checksums: dict[str, Checksum] = {}  # of what `begin` found, and of what was appended since
        self._appended: set[str] = set()  # tables, since their checksums were written

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

        Rows after the checkpoint are dropped; the steps after it are computed again. Raises `RunError`, and
        changes nothing, where checkpoint or rows are damaged, or do not belong together.
        """
        checkpoint = self._checkpoint()
        tables = dict.fromkeys(files.TABLES, b"")
        if checkpoint is not None:
            tables = self._tables_before(checkpoint.step, len(compute.layers))
        self._cut(tables)
        for kept in self.run.weight_steps():
            if checkpoint is None or kept > checkpoint.step:
                files.weights_file(self.path, kept).unlink()
        self.write_compute(compute)
        return checkpoint

    def write_compute(self, compute: ComputeConfig) -> None:
        """How the run is computed; written again when an attempt to compile or capture fails."""
        files.write_sealed(self.path / files.HOW, compute.to_dict())

    def append_norms(self, norms: np.ndarray) -> None:
        """`norms` is float32 [recorded steps, 1 + 3·layers]: the step, then the norms."""
        self._append(files.LAYERS, norms.astype("<f4").tobytes())

    def append(self, steps: Sequence[Row], evals: Sequence[Row], blocks: Sequence[Row]) -> None:
        """Rows of one chunk of steps: one a step, one an evaluation, one an evaluation's units."""
        for name, rows in ((files.STEPS, steps), (files.BLOCKS, blocks), (files.EVALS, evals)):
            self._append(name, files.dump_rows(rows))

    def status(self, state: str, step: int, seconds: float, message: str = "") -> None:
        if state != "running":
            self._write_checksums()
        status = Status(state, step, self.run.experiment.recipe.steps, seconds, message)
        files.write_sealed(self.path / files.STATUS, status.to_dict())

    def fail(self, message: str, state: str = "failed") -> None:
        """The run ends here, at the step and second that its status has; `message` says why."""
        try:
            last = self.run.status()
        except RunError:  # status.json itself is damaged
            last = Status(state, 0, 0, 0.0)
        self.status(state, last.step, last.seconds, message)

    def keep_weights(self, step: int, weights: Mapping[str, np.ndarray]) -> None:
        (self.path / files.WEIGHTS).mkdir(exist_ok=True)
        tensors.write(files.weights_file(self.path, step), weights)

    def checkpoint(self, state: Mapping[str, np.ndarray], *, step: int, seconds: float) -> None:
        """Everything that resuming needs, after so many steps and seconds."""
        self._write_checksums()
        tensors.write(self.path / files.CHECKPOINT, state, {"step": step, "seconds": seconds})

    def finish(self, seconds: float) -> None:
        """Mark the run as done, and remove its checkpoint: its last weights are kept apart."""
        self.status("done", self.run.experiment.recipe.steps, seconds)
        (self.path / files.CHECKPOINT).unlink(missing_ok=True)

    def clear_stop(self) -> None:
        """Forget a stop request from before: the caller trains the run on."""
        (self.path / files.STOP).unlink(missing_ok=True)

    def should_continue(self) -> bool:
        """False once the run was asked to stop."""
        return not self.run.stop_requested()

    def _checkpoint(self) -> Checkpoint | None:
        path = self.path / files.CHECKPOINT
        if not path.exists():
            return None
        advice = "remove that file to train from the start"
        state, facts = tensors.read(path, advice)
        fields, steps = Fields(facts, "its facts"), self.run.experiment.recipe.steps
        try:
            return Checkpoint(state, fields.integer("step", low=1, high=steps), fields.number("seconds"))
        except RunError as error:
            raise RunError(f"{path} is damaged ({error}); {advice}") from None

    def _tables_before(self, step: int, layers: int) -> dict[str, bytes]:
        """What each table held when the checkpoint after `step` steps was written."""

        def evaluated(row: Mapping[str, Any]) -> bool:
            return bool(row["step"] <= step)

        norms = files.read_norms(self.path / files.LAYERS, layers)
        found = {
            files.STEPS: files.leading_rows(self.path / files.STEPS, lambda row: row["step"] < step),
            files.EVALS: files.leading_rows(self.path / files.EVALS, evaluated),
            files.BLOCKS: files.leading_rows(self.path / files.BLOCKS, evaluated),
            files.LAYERS: norms[norms[:, 0] < step].tobytes(),
        }
        if (rows := found[files.STEPS].count(b"\n")) != step:
            damaged = f"{self.path / files.STEPS} holds {rows} of the {step} steps before the checkpoint"
            raise RunError(f"{damaged}; remove {files.CHECKPOINT} beside it to train from the start")
        return found

    def _cut(self, tables: Mapping[str, bytes]) -> None:
        """Cut each table to this content, with which it starts. The checksums come first: they fit the tables
        before and after, so that a process that dies in between leaves a run that is whole."""
        self._checksums = {name: Checksum().extended(content) for name, content in tables.items()}
        self._appended = set(tables)
        self._write_checksums()
        for name, content in tables.items():
            path = self.path / name
            if path.exists() and path.stat().st_size != len(content):
                files.replace_file(path, content)

    def _append(self, name: str, content: bytes) -> None:
        files.append(self.path / name, content)
        self._checksums[name] = self._checksums.get(name, Checksum()).extended(content)
        self._appended.add(name)

    def _write_checksums(self) -> None:
        """They reach the disk after the tables, so that a power cut leaves no table shorter than they say."""
        if not self._appended:
            return
        for name in self._appended:
            files.sync(self.path / name)
        known = {name: dataclasses.asdict(each) for name, each in self._checksums.items()}
        files.write_sealed(self.path / files.CHECKSUMS, known)
        self._appended.clear()
