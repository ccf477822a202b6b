"""Writing a run: one writer at a time, appended as it trains, resumable to the last checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from resnet_edu.runs import files
from resnet_edu.runs.files import RunBusy, RunError
from resnet_edu.runs.run import Run

if TYPE_CHECKING:
    import numpy as np


Rows = list[dict[str, Any]]


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

    def begin(self, how: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Start or resume: returns the checkpoint's tensors and facts, or None for a fresh start.

        Rows after the checkpoint are dropped; the steps after it are computed again. Raises
        `RunError`, and changes nothing, where checkpoint and rows do not belong together.
        """
        checkpoint = self._checkpoint()
        step = checkpoint[1]["step"] if checkpoint else 0
        rows = sum(1 for row in files.read_rows(self.path / files.STEPS) if row["step"] < step)
        if rows != step:
            damaged = f"{self.path / files.STEPS} holds {rows} of the {step} steps before the checkpoint"
            raise RunError(f"{damaged}; remove {files.CHECKPOINT} beside it to train from the start")
        self._truncate(step, layers=len(how["layers"]))
        files.write_json(self.path / files.HOW, dict(how))
        return checkpoint

    def how(self, how: Mapping[str, Any]) -> None:
        """How the run is computed, where that turned out otherwise than it was begun."""
        files.write_json(self.path / files.HOW, dict(how))

    def append_norms(self, norms: np.ndarray) -> None:
        """`norms` is float32 [recorded steps, 1 + 3·layers]: the step, then the norms."""
        with (self.path / files.LAYERS).open("ab") as file:
            file.write(norms.astype("<f4").tobytes())

    def append(self, steps: Rows, evals: Rows, blocks: Rows) -> None:
        """Rows of one block of steps."""
        files.append_rows(self.path / files.STEPS, steps)
        files.append_rows(self.path / files.BLOCKS, blocks)
        files.append_rows(self.path / files.EVALS, evals)

    def status(self, state: str, step: int, seconds: float, message: str = "") -> None:
        said = {"state": state, "step": step, "seconds": round(seconds, 3), "message": message}
        files.write_json(self.path / files.STATUS, said)

    def keep_weights(self, step: int, tensors: Mapping[str, np.ndarray]) -> None:
        from safetensors.numpy import save

        (self.path / files.WEIGHTS).mkdir(exist_ok=True)
        files.replace_file(files.weights_file(self.path, step), save(dict(tensors)))

    def checkpoint(self, tensors: Mapping[str, np.ndarray], **facts: Any) -> None:
        """Everything that resuming needs; `facts` are step and seconds."""
        from safetensors.numpy import save

        content = save(dict(tensors), metadata={"facts": json.dumps(facts)})
        files.replace_file(self.path / files.CHECKPOINT, content)

    def finish(self, seconds: float) -> None:
        """A finished run is not resumed; its weights are kept elsewhere."""
        (self.path / files.CHECKPOINT).unlink(missing_ok=True)
        self.status("done", self.run.experiment.recipe.steps, seconds)

    def unstop(self) -> None:
        """Take back any wish to stop: whoever trains the run now wants it trained."""
        (self.path / files.STOP).unlink(missing_ok=True)

    def wanted(self) -> bool:
        """False once somebody asked the run to stop."""
        return not self.run.stopping()

    def _checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
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
            return tensors, {"step": step, "seconds": float(facts["seconds"])}
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
