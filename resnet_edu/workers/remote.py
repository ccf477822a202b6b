"""What a worker of an executor does for `jobs.cluster`: train a run that comes as bytes, and send it back."""

from __future__ import annotations

import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resnet_edu import data
from resnet_edu.experiment import Experiment
from resnet_edu.runs import Run, RunError, RunWriter, files, parcel
from resnet_edu.training import Recording, StepChunk
from resnet_edu.workers.train import train_run


def train(
    content: bytes, choices: Mapping[str, Any], recording: Mapping[str, Any], seconds: float
) -> tuple[bytes, dict[str, Any]]:
    """Train the wrapped run on for about so many seconds, with this machine's own data; returns it
    wrapped, and the `choices` with what was measured here to choose how to compute. What cannot be
    trained comes back as failed, with the reason and this machine's name."""
    with tempfile.TemporaryDirectory(prefix="resnet-edu-") as folder:
        measured = Path(folder, files.CHOICES)
        files.write_json(measured, dict(choices))
        run = _unwrapped(content, Path(folder))
        turn = _Turn(run.experiment.recipe.steps, seconds)
        try:
            record = Recording(**recording)
            train_run(run, measured=measured, recording=record, watch=turn.saw, wanted=turn.lasts)
        except Exception as error:
            traceback.print_exc()  # the run says it in a line; this worker's log has the whole story
            _say_where(run, error)
        return parcel.wrap(run, weights=True), files.read_json(measured)


class _Turn:
    """So long may this training go on; always for some steps, so that every turn gets on."""

    def __init__(self, steps: int, seconds: float) -> None:
        self.steps, self.seconds, self.end = steps, seconds, float("inf")

    def saw(self, block: StepChunk) -> None:
        if block.step == self.steps:
            self.end = float("inf")  # what is left is to say that it is done
        elif block.steps:
            self.end = min(self.end, time.monotonic() + self.seconds)

    def lasts(self) -> bool:
        return time.monotonic() < self.end and not _forgotten()


def _unwrapped(content: bytes, folder: Path) -> Run:
    contents = parcel.unwrap(content)
    if files.EXPERIMENT not in contents:
        raise RunError(f"a parcel has no {files.EXPERIMENT}")
    experiment = Experiment.from_json(contents[files.EXPERIMENT].decode())
    contents[files.EXPERIMENT] = data.with_local_folder(experiment).to_json().encode()
    parcel.lay_out(contents, folder / experiment.name)
    return Run(folder / experiment.name)


def _say_where(run: Run, error: Exception) -> None:
    at = run.status()
    with RunWriter(run) as writer:
        writer.status("failed", at.step, at.seconds, f"on {platform.node()}: {error}")


def _forgotten() -> bool:
    """True once the Dask worker that this runs in has been told to forget the task: whoever asked has
    cancelled it, or is gone. Other executors cannot say."""
    if "distributed" not in sys.modules:
        return False
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:  # Dask is here, but this is none of its tasks
        return False
    task = worker.state.tasks.get(worker.get_current_task())
    return task is None or task.state == "cancelled"
