"""What a worker of an executor runs for `jobs.cluster`: train a run that comes as bytes, and send it back."""

from __future__ import annotations

import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

from resnet_edu import data
from resnet_edu.experiment import Experiment
from resnet_edu.runs import ComputeRequest, RecordingConfig, Run, RunError, RunWriter, archive, files
from resnet_edu.training import StepChunk
from resnet_edu.workers.train import train_run

Choices = Mapping[str, Mapping[str, float]]


def train(
    content: bytes, choices: Choices, recording: RecordingConfig, seconds: float
) -> tuple[bytes, Choices]:
    """Train the packed run for a time slice, with this machine's own data; returns it packed, and the
    choices. A run that cannot be trained comes back as failed, with the reason and this machine's name.

    - `content`: of `archive.pack`.
    - `choices`: measurements made so far; those of this machine are added.
    - `recording`: what a new run records.
    - `seconds`: of the time slice.
    """
    with tempfile.TemporaryDirectory(prefix="resnet-edu-") as folder:
        measured = Path(folder, files.CHOICES)
        files.write_json(measured, choices)
        run = _unpacked(content, Path(folder))
        part = _TimeSlice(run.experiment.recipe.steps, seconds)
        try:
            train_run(
                run,
                ComputeRequest(recording=recording),
                measured=measured,
                on_chunk=part.on_chunk,
                should_continue=part.should_continue,
            )
        except Exception as error:
            traceback.print_exc()  # the run's status has one line; this worker's log has the traceback
            with RunWriter(run) as writer:
                writer.fail(f"on {platform.node()}: {error}")
        return archive.pack(run, weights=True), files.read_json(measured)


class _TimeSlice:
    """How long this training may go on; always for some steps, so that every slice makes progress."""

    def __init__(self, steps: int, seconds: float) -> None:
        self.steps, self.seconds, self.end = steps, seconds, float("inf")

    def on_chunk(self, chunk: StepChunk) -> None:
        if chunk.step == self.steps:
            self.end = float("inf")  # all steps are made; the run only has to be finished
        elif chunk.steps:
            self.end = min(self.end, time.monotonic() + self.seconds)

    def should_continue(self) -> bool:
        return time.monotonic() < self.end and not _task_cancelled()


def _unpacked(content: bytes, folder: Path) -> Run:
    contents = archive.unpack(content)
    if files.EXPERIMENT not in contents:
        raise RunError(f"a run's archive has no {files.EXPERIMENT}")
    experiment = Experiment.from_json(contents[files.EXPERIMENT].decode())
    contents[files.EXPERIMENT] = data.with_local_folder(experiment).to_json().encode()
    archive.extract(contents, folder / experiment.name)
    return Run(folder / experiment.name)


def _task_cancelled() -> bool:
    """True once the scheduler has told this Dask worker to drop the task: its client cancelled it, or is
    gone. Other executors cannot tell."""
    if "distributed" not in sys.modules:
        return False
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:  # Dask is imported, but this is none of its tasks
        return False
    task = worker.state.tasks.get(worker.get_current_task())
    return task is None or task.state == "cancelled"
