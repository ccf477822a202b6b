"""Trainings on any `concurrent.futures` executor: a pool on this machine, or a Dask cluster.

A worker elsewhere shares no disk with this process. So a run travels: its folder goes out as bytes, is
trained for a time slice, comes back, is written onto the shelf, and goes out again until it has ended. Time
slices show progress, and when a worker dies, only its present slice is lost. The process that submitted must
stay: a thread of it drives the runs, and holds their locks, so that no other process trains them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from resnet_edu.experiment import ImageFolder
from resnet_edu.runs import RecordingConfig, Run, RunBusy, RunError, RunWriter, Status, archive, files

POLL_SECONDS = 0.2
SLICE_SECONDS = 10.0, 300.0
STOPPED = "stopped; it can be resumed"
OURS = (files.EXPERIMENT, files.STATUS)
Task = tuple[Run, RecordingConfig]
Choices = Mapping[str, Mapping[str, float]]
"""What was measured to choose how to compute: milliseconds by candidate, for each kind of net."""
Result = tuple[bytes, Choices]
Train = Callable[[bytes, Choices, RecordingConfig, float], Result]
"""(packed run, known choices, what to record, seconds) → (packed run, choices): `workers.remote.train`."""


class Cluster(Executor):
    """A Dask cluster, by the address of its scheduler (tcp://…): an executor that knows its size.

    Raises `RunError` when Dask is not installed, or no scheduler answers. Dask's processes trust each
    other, pickles included: use only a cluster whose machines and users you trust.
    """

    def __init__(self, address: str) -> None:
        try:
            import dask
            from distributed import Client
        except ImportError:
            raise RunError("a cluster needs Dask; get it with: pip install 'resnet-edu[cluster]'") from None
        if not re.fullmatch(r"tcp://.+:\d{1,5}", address):
            raise RunError(f"the cluster's address is {address!r}; allowed: tcp://HOST:PORT")
        # A run is some ten MB; it must travel with its task, so that the task survives any worker.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
        connect: Any = Client
        try:
            self._client: Any = connect(address, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            why = f"no Dask scheduler answers at {address!r} ({error})"
            raise RunError(f"{why}; `dask scheduler` starts one and prints its address") from None
        self._executor: Executor = self._client.get_executor(pure=False)
        self.address, self._slots = address, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._client.status == "closed":
            raise RunError(f"the Dask scheduler at {self.address} is gone")
        return self._executor.submit(fn, *args, **kwargs)

    def slots(self) -> int:
        """How many trainings it does at once: the threads of the workers that it has now."""
        with suppress(Exception):  # the scheduler is gone, or soon will be: the next `submit` says so
            self._slots = sum(self._client.nthreads().values())
        return self._slots

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Does not wait for submitted tasks; callers wait on the runs."""
        self._executor.shutdown(wait=False)
        self._client.close()


def train_all(tasks: Sequence[Task], executor: Executor, train: Train) -> None:
    """Train the runs on the executor's workers, in order; returns at once. The executor must stay open
    until the runs have ended. `train` is what a worker runs for each time slice; it must be picklable.

    Each run is watched and cancelled as any other. Complete runs are left as they are, and runs that another
    process trains are left to it. Raises `RunError` for an image folder without digest.
    """
    tasks = [task for task in tasks if not task[0].status().complete]
    for run, _ in tasks:
        images = run.experiment.data
        if isinstance(images, ImageFolder) and not images.digest:
            raise RunError(f"{run.name}: data.digest is empty; another machine could not tell its images")
    for run, _ in tasks:
        if run.stop_requested() or not run.busy():
            run.queue()
    driver = _Driver(executor, train)
    threading.Thread(target=driver.run, args=(tasks,), daemon=True, name="cluster driver").start()


class _Driver:
    """Sends runs out and merges them back until all have ended. One thread, because a file lock belongs to
    the thread that took it; each run is a coroutine that yields while it waits."""

    def __init__(self, executor: Executor, train: Train) -> None:
        self.executor, self.train, self.slots = executor, train, 1
        self.in_flight: set[Future[Result]] = set()
        self.calibrated = False

    def run(self, tasks: Sequence[Task]) -> None:
        active = [self._drive(*task) for task in tasks]
        while active:
            if self.calibrated:
                self.slots = _slots(self.executor, len(active))
            active = [each for each in active if next(each, self) is not self]
            if self.in_flight:
                wait(self.in_flight, POLL_SECONDS, FIRST_COMPLETED)

    def _drive(self, run: Run, recording: RecordingConfig) -> Iterator[None]:
        """One run, until it has ended."""
        with suppress(RunBusy), RunWriter(run) as writer:  # busy: another process trains it to its end
            try:
                yield from self._slices(writer, recording)
            except Exception as error:
                writer.fail(_why(error))

    def _slices(self, writer: RunWriter, recording: RecordingConfig) -> Iterator[None]:
        at = _resume(writer)
        yield
        while writer.should_continue():
            if len(self.in_flight) >= self.slots:
                yield
                continue
            future = self._submit(writer.run, recording, at.seconds)
            self.in_flight.add(future)
            try:
                while writer.should_continue() and not future.done():
                    yield
            finally:
                self.in_flight.discard(future)
            if future.done():
                content, choices = future.result()
                _merge_choices(writer.path.parent / files.CHOICES, choices)
                at, self.calibrated = _merge(writer, content), True
                if at.state != "stopped":
                    return
            future.cancel()
        writer.status("stopped", at.step, at.seconds, STOPPED)

    def _submit(self, run: Run, recording: RecordingConfig, seconds: float) -> Future[Result]:
        """The first run gets a short slice alone; the settings that its worker measures are then sent with
        all others, so that all arms are computed alike. Later slices are as long as the run has trained."""
        choices = _read_choices(run.path.parent / files.CHOICES)
        lasts = min(max(seconds, SLICE_SECONDS[0]), SLICE_SECONDS[1]) if self.calibrated else 0.0
        return self.executor.submit(self.train, archive.pack(run, weights=False), choices, recording, lasts)


def _slots(executor: Executor, most: int) -> int:
    """A pool has a queue of its own; a Dask cluster gets no more tasks than it has threads, so that arms
    end in their order."""
    return max(1, executor.slots()) if isinstance(executor, Cluster) else most


def _read_choices(path: Path) -> Choices:
    return files.read_json(path) if path.exists() else {}


def _merge_choices(path: Path, choices: Choices) -> None:
    """Measurements that are here already stay: runs have been begun with them."""
    with FileLock(path.with_suffix(".lock")):
        known = _read_choices(path)
        merged = {**known, **{key: {**timed, **known.get(key, {})} for key, timed in choices.items()}}
        if merged != known:
            files.write_json(path, merged)


def _why(error: Exception) -> str:
    if isinstance(error, CancelledError):
        return "the cluster dropped the task: its scheduler is gone, or no longer knows this client"
    return str(error) if isinstance(error, RunError) else f"{type(error).__name__}: {error}"


def _resume(writer: RunWriter) -> Status:
    """Drops the rows after the checkpoint, as resuming a run on this machine does."""
    checkpoint = writer.begin(writer.run.compute) if writer.run.compute else None
    step, seconds = (checkpoint.step, checkpoint.seconds) if checkpoint else (0, 0.0)
    writer.status("running", step, seconds)
    return writer.run.status()


def _merge(writer: RunWriter, content: bytes) -> Status:
    """Write what a worker sent back onto the shelf; returns the status that it gave the run."""
    contents = archive.unpack(content)
    at = archive.status_in(contents, writer.run.experiment.recipe.steps)
    archive.extract({name: text for name, text in contents.items() if name not in OURS}, writer.path)
    state, message = ("running", "") if at.state == "stopped" else (at.state, at.message)
    writer.status(state, at.step, at.seconds, message)
    if at.complete and files.CHECKPOINT not in contents:
        (writer.path / files.CHECKPOINT).unlink(missing_ok=True)
    return at
