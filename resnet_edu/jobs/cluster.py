"""Trainings on any `concurrent.futures` executor: a pool on this machine, or a Dask cluster.

A worker elsewhere shares no disk with us. So a run travels: its folder goes out as bytes, is trained on
for a turn, comes back, is written onto the shelf, and goes out again until it has ended. Turns show how
far a run is, and whatever happens to a worker, no more than its present turn is lost. Whoever asked must
stay: a thread of this process carries the runs, and holds their locks, so that nobody else trains them.
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
from resnet_edu.runs import Run, RunBusy, RunError, RunWriter, Status, files, parcel

LOOK_SECONDS = 0.2
TURN_SECONDS = 10.0, 300.0
STOPPED = "stopped; it can be resumed"
OURS = (files.EXPERIMENT, files.STATUS)
Errand = tuple[Run, Mapping[str, Any]]
"""A run, and what to record of it."""
Train = Callable[[bytes, Mapping[str, Any], Mapping[str, Any], float], tuple[bytes, dict[str, Any]]]
"""(packed run, known choices, what to record, seconds) → (packed run, choices): `workers.remote.train`."""


class Cluster(Executor):
    """A Dask cluster, by the address of its scheduler (tcp://…): an executor that knows its size.

    Raises `RunError` when Dask is not installed, or no scheduler answers. Dask's processes believe each
    other, pickles included: a cluster must be of people whom you trust.
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
        try:
            self._client = Client(address, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            why = f"no Dask scheduler answers at {address!r} ({error})"
            raise RunError(f"{why}; `dask scheduler` starts one and says its address") from None
        self._executor = self._client.get_executor(pure=False)
        self.address, self._slots = address, 0

    def submit(self, fn, /, *args, **kwargs) -> Future:
        if self._client.status == "closed":
            raise RunError(f"the Dask scheduler at {self.address} is gone")
        return self._executor.submit(fn, *args, **kwargs)

    def slots(self) -> int:
        """How many trainings it does at once: the threads of the workers that it has now."""
        with suppress(Exception):  # the scheduler is gone, or soon will be: what is sent then says so
            self._slots = sum(self._client.nthreads().values())
        return self._slots

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """What is out is let go: whoever wants it waits for the runs themselves."""
        self._executor.shutdown(wait=False)
        self._client.close()


def send(errands: Sequence[Errand], executor: Executor, train: Train) -> None:
    """Have the runs trained by the executor's workers, in order; returns at once. The executor must stay
    open until they have ended. `train` is what a worker runs, once a turn; it must be picklable.

    Each is watched and cancelled as any other. What has ended is left as it is, and what somebody else
    is training is left to them. Raises `RunError` for a folder of images without digest.
    """
    errands = [errand for errand in errands if not errand[0].status().complete]
    for run, _ in errands:
        images = run.experiment.data
        if isinstance(images, ImageFolder) and not images.digest:
            raise RunError(f"{run.name}: data.digest is empty; another machine could not tell its images")
    for run, _ in errands:
        if run.stopping() or not run.busy():
            run.queue()
    carrier = _Carrier(executor, train)
    threading.Thread(target=carrier.carry, args=(errands,), daemon=True, name="carrier").start()


class _Carrier:
    """Carries runs to and fro until all have ended. Works in one thread: locks are of a thread."""

    def __init__(self, executor: Executor, train: Train) -> None:
        self.executor, self.train, self.slots = executor, train, 1
        self.away: set[Future] = set()
        self.led = False

    def carry(self, errands: Sequence[Errand]) -> None:
        journeys = [self._journey(*errand) for errand in errands]
        while journeys:
            if self.led:
                self.slots = _slots(self.executor, len(journeys))
            journeys = [journey for journey in journeys if next(journey, self) is not self]
            if self.away:
                wait(self.away, LOOK_SECONDS, FIRST_COMPLETED)

    def _journey(self, run: Run, recording: Mapping[str, Any]) -> Iterator[None]:
        """To be resumed again and again; ends when the run has ended."""
        with suppress(RunBusy), RunWriter(run) as writer:  # busy: somebody else trains it, and it ends there
            try:
                yield from self._turns(writer, recording)
            except Exception as error:
                at = run.status()
                writer.status("failed", at.step, at.seconds, _why(error))

    def _turns(self, writer: RunWriter, recording: Mapping[str, Any]) -> Iterator[None]:
        at = _taken_up(writer)
        yield
        while writer.wanted():
            if len(self.away) >= self.slots:
                yield
                continue
            turn = self._sent(writer.run, recording, at.seconds)
            self.away.add(turn)
            try:
                while writer.wanted() and not turn.done():
                    yield
            finally:
                self.away.discard(turn)
            if turn.done():
                content, choices = turn.result()
                _learn(writer.path.parent / files.CHOICES, choices)
                at, self.led = _taken_in(writer, content), True
                if at.state != "stopped":
                    return
            turn.cancel()
        writer.status("stopped", at.step, at.seconds, STOPPED)

    def _sent(self, run: Run, recording: Mapping[str, Any], seconds: float) -> Future:
        """The first run goes ahead alone and for a moment: how its worker chooses to compute is told to
        all, so that the arms of a study are computed alike. Then a turn lasts as long as those before."""
        choices = _known(run.path.parent / files.CHOICES)
        lasts = min(max(seconds, TURN_SECONDS[0]), TURN_SECONDS[1]) if self.led else 0.0
        return self.executor.submit(self.train, parcel.wrap(run, weights=False), choices, recording, lasts)


def _slots(executor: Executor, most: int) -> int:
    """A pool queues by itself; of a cluster we ask no more than it has, so that arms end in their order."""
    return max(1, executor.slots()) if isinstance(executor, Cluster) else most


def _known(path: Path) -> dict[str, Any]:
    return files.read_json(path) if path.exists() else {}


def _learn(path: Path, choices: Mapping[str, Any]) -> None:
    """What stands here already stays: runs have been begun with it."""
    with FileLock(path.with_suffix(".lock")):
        known = _known(path)
        merged = known | {key: timed | known.get(key, {}) for key, timed in choices.items()}
        if merged != known:
            files.write_json(path, merged)


def _why(error: Exception) -> str:
    if isinstance(error, CancelledError):
        return "the cluster let it go: its scheduler is gone, or no longer knows us"
    return str(error) if isinstance(error, RunError) else f"{type(error).__name__}: {error}"


def _taken_up(writer: RunWriter) -> Status:
    """Rows after the checkpoint are dropped here, as when a run is resumed at home."""
    step, seconds = 0, 0.0
    if writer.run.how and (begun := writer.begin(writer.run.how)):
        step, seconds = begun[1]["step"], begun[1]["seconds"]
    writer.status("running", step, seconds)
    return writer.run.status()


def _taken_in(writer: RunWriter, content: bytes) -> Status:
    contents = parcel.unwrap(content)
    at = parcel.status_in(contents, writer.run.experiment.recipe.steps)
    parcel.lay_out({name: text for name, text in contents.items() if name not in OURS}, writer.path)
    state, message = ("running", "") if at.state == "stopped" else (at.state, at.message)
    writer.status(state, at.step, at.seconds, message)
    if at.complete and files.CHECKPOINT not in contents:
        (writer.path / files.CHECKPOINT).unlink(missing_ok=True)
    return at
