"""The queue: a folder with one JSON file per job, for a training or for a probe. No torch here.

A process that reads and then changes a job holds the queue's lock meanwhile, which takes a millisecond.
Keys of a job's file: `at` (its place in the queue, seconds since 1970), `tries`, `clients` (`askers` in
older versions); then `run`, `recording`, `threads` of a training, or `path`, `folder`, `probe`, `arguments`
of a probe.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from resnet_edu.experiment.probes import speed_of
from resnet_edu.runs import RecordingConfig, Run, RunError, Shelf, files
from resnet_edu.runs.compute import MOST_THREADS
from resnet_edu.runs.fields import Fields

QUEUE = files.QUEUE
TRIES = 3
QUICK, SLOW, LONG = PROBE_SLOTS = "answers", "slow", "long"
"""The slots of workers that run probes: a quick one never waits behind a slow or a long one."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every file of the queue has.

    - `file`: its path; the same request has the same name, so it is queued once.
    - `at`: when it was put there, in seconds since 1970; the queue is sorted by it.
    - `tries`: how many workers have begun it since the last request or checkpoint.
    - `clients`: who waits for it: browser sessions, processes.
    """

    file: Path
    at: float = 0.0
    tries: int = 0
    clients: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {"at": self.at, "tries": self.tries, "clients": list(self.clients)}


@dataclass(frozen=True, kw_only=True)
class TrainJob(Job):
    """Train the run of this name on, trying these numbers of `threads` on a CPU."""

    run: str
    recording: RecordingConfig = RecordingConfig()
    threads: tuple[int, ...] = (1,)

    def to_dict(self) -> dict[str, Any]:
        own = {"run": self.run, "recording": self.recording.to_dict(), "threads": list(self.threads)}
        return own | super().to_dict()


@dataclass(frozen=True, kw_only=True)
class ProbeJob(Job):
    """Run a probe on the run in `path`, and write its answer into `folder`."""

    path: Path
    folder: Path
    probe: str
    arguments: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        own = {"path": str(self.path), "folder": str(self.folder), "probe": self.probe}
        return own | {"arguments": dict(self.arguments)} | super().to_dict()


def queue_for(probe: str) -> str:
    """The slot of the worker that runs this probe."""
    return {"quick": QUICK, "slow": SLOW, "long": LONG}[speed_of(probe)]


def train_job_file(run: Run) -> Path:
    return run.job_file


def probe_job_file(folder: Path) -> Path:
    """Of the answer that will be written into `folder`."""
    return folder.parents[2] / QUEUE / f"probe-{folder.parents[1].name}-{folder.name}.json"


def pending(shelf: Shelf) -> list[TrainJob | ProbeJob]:
    """The jobs that wait or are being worked on, oldest first.

    Skips files that are damaged, and jobs that would write outside the shelf.
    """
    found = (_read(path) for path in (shelf.path / QUEUE).glob("*.json"))
    return sorted((job for job in found if job is not None), key=lambda job: job.at)


def in_turn(jobs: Sequence[TrainJob | ProbeJob]) -> list[TrainJob | ProbeJob]:
    """Each client's first training or probe of a slot, then each one's second, so that a visitor who queues
    many does not hold up the others."""
    before: Counter[tuple[str, str]] = Counter()
    turns: dict[Path, int] = {}
    for job in jobs:
        slot = queue_for(job.probe) if isinstance(job, ProbeJob) else "training"
        client = job.clients[0] if job.clients else ""
        turns[job.file] = before[slot, client]
        before[slot, client] += 1
    return sorted(jobs, key=lambda job: turns[job.file])


def probes_waiting(folder: Path) -> int:
    """How many probes are queued on the shelf of this answer."""
    return sum(1 for _ in probe_job_file(folder).parent.glob("probe-*.json"))


def put(job: Job, client: str = "") -> None:
    """Add a job at the end, or add `client` to it if it is already queued. A training that is asked for again
    gets all its tries; a page that waits for an answer asks at every poll, which is no new request."""
    job.file.parent.mkdir(parents=True, exist_ok=True)
    with _lock(job.file):
        there = _read(job.file)
        if there is None:
            _write(dataclasses.replace(job, at=time.time(), tries=0, clients=(client,)))
            return
        tries = 0 if isinstance(job, TrainJob) else there.tries
        clients = there.clients if client in there.clients else (*there.clients, client)
        if (tries, clients) != (there.tries, there.clients):
            _write(dataclasses.replace(there, tries=tries, clients=clients))


def release(file: Path, client: str) -> float | None:
    """`client` no longer waits for this job; without clients it leaves the queue. Returns the place (`at`)
    that it had there, if it left before a worker began it."""
    if not file.exists():
        return None
    with _lock(file):
        job = _read(file)
        if job is None or client not in job.clients:
            return None
        if left := tuple(other for other in job.clients if other != client):
            _write(dataclasses.replace(job, clients=left))
            return None
        file.unlink()
        return None if job.tries else job.at


def move_up(file: Path, at: float) -> None:
    """Move a job up to this place in the queue, unless it is ahead of it."""
    with _lock(file):
        job = _read(file)
        if job is not None and job.at > at:
            _write(dataclasses.replace(job, at=at))


def remove(file: Path) -> None:
    """Take a job out of the queue, whatever clients wait for it."""
    if file.exists():
        with _lock(file):
            file.unlink(missing_ok=True)


def begin_attempt(job: Job, progress: Path | None = None) -> bool:
    """Count one more try before a worker begins the job; False when it has had `TRIES`. The count starts anew
    where the file `progress` is newer than the last try: that one got on before its worker died."""
    with _lock(job.file):
        now = _read(job.file)
        if now is None:  # it was cancelled meanwhile; the worker notices when it starts
            return True
        tries = 0 if progress and _newer(progress, job.file) else now.tries
        if tries < TRIES:
            _write(dataclasses.replace(now, tries=tries + 1))
        return tries < TRIES


def complete(job: Job) -> None:
    """Take a finished job out of the queue, unless it was removed and put there again meanwhile."""
    with _lock(job.file):
        now = _read(job.file)
        if now is not None and now.at == job.at:
            job.file.unlink()


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[None]:
    with FileLock(file.parent / "lock", poll_interval=0.001):
        yield


def _newer(path: Path, other: Path) -> bool:
    try:
        return path.stat().st_mtime_ns > other.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def _write(job: Job) -> None:
    files.replace_file(job.file, json.dumps(job.to_dict()).encode())


def _read(file: Path) -> TrainJob | ProbeJob | None:
    """None where there is no file any more, and where it is damaged."""
    try:
        fields = Fields(files.read_json(file), file)
        job = _probe_job(file, fields) if fields.text("probe", None) else _train_job(file, fields)
        clients = fields.texts("clients", fields.texts("askers", ()))
        at, tries = fields.number("at"), fields.integer("tries")
        return dataclasses.replace(job, at=at, tries=tries, clients=clients)
    except RunError:
        return None


def _train_job(file: Path, fields: Fields) -> TrainJob:
    run, recording = fields.text("run"), fields.inner("recording")
    if recording is None or run != Path(run).name:
        raise RunError(f"{file}: run is {run!r}; allowed: the name of a run, with its recording")
    threads = fields.integers("threads", (1,), low=1, high=MOST_THREADS)
    return TrainJob(file=file, run=run, recording=RecordingConfig.from_fields(recording), threads=threads)


def _probe_job(file: Path, fields: Fields) -> ProbeJob:
    path, folder = Path(fields.text("path")), Path(fields.text("folder"))
    if not folder.resolve().is_relative_to(file.parents[1].resolve()):
        raise RunError(f"{file}: folder is {str(folder)!r}; allowed: folders of this shelf")
    arguments = fields.table("arguments")
    return ProbeJob(file=file, path=path, folder=folder, probe=fields.text("probe"), arguments=arguments)
