"""A probe's answer: facts and arrays in a folder of its run's, computed once.

| file          | holds                                                                       |
|---------------|-----------------------------------------------------------------------------|
| answer.json   | facts; or `error`, for people. It is written last: it marks a whole answer  |
| answer.npz    | arrays by name                                                              |
| partial.npz   | of a long answer that is not whole yet: the arrays so far                   |
| partial.json  | how far that is, in how many seconds, and how it was computed               |
| lock          | held by the process that computes                                           |
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock, Timeout

from resnet_edu.runs import files
from resnet_edu.runs.compute import ComputeConfig
from resnet_edu.runs.fields import Fields
from resnet_edu.runs.files import RunError
from resnet_edu.runs.run import Run
from resnet_edu.runs.shelf import Shelf, recorded

if TYPE_CHECKING:
    import numpy as np

ANSWER, ARRAYS = "answer.json", "answer.npz"
PARTIAL, PARTIAL_ARRAYS = "partial.json", "partial.npz"
_CRC32 = "arrays_crc32"
"""In answer.json: the checksum of answer.npz; no fact."""
ERROR_SECONDS = 30
READ_SECONDS = 5.0
REMEDY = "remove its folder, and run the probe again"
MOST_BYTES = 200_000
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
_DAMAGED = (*_BAD_ZIP, OSError, ValueError, TypeError, AttributeError, MemoryError)

Arrays = dict[str, "np.ndarray"]


class ProbeAnswer(NamedTuple):
    """What a probe found: plain `facts` (what answer.json holds, `error` among them if it failed) and
    `arrays` by name (answer.npz)."""

    facts: dict[str, Any]
    arrays: Arrays

    @property
    def error(self) -> str | None:
        """Why there is no answer, as a sentence for the reader."""
        error = self.facts.get("error")
        return None if error is None else str(error)


def answer_folder(run: Run, probe: str, arguments: Mapping[str, Any]) -> Path:
    """Where this answer is, or will be written; raises `RunError` for what cannot be a probe's name."""
    if not re.fullmatch(r"[a-z_-]+", probe):
        raise RunError(f"probe is {probe!r}; allowed: small letters, _ and -")
    text = json.dumps({"probe": probe, **arguments}, sort_keys=True)
    place = Path(files.PROBES, f"{probe}-{hashlib.sha256(text.encode()).hexdigest()[:12]}")
    ships = run.path.parent == recorded().path
    return (
        Shelf().path / f".{run.name}" / place
        if ships and not answered(run.path / place)
        else run.path / place
    )


def answered(folder: Path) -> bool:
    """True once the whole answer is written, or an error in its place."""
    return (folder / ANSWER).exists()


def forget_error(folder: Path) -> None:
    """Remove an error older than half a minute, or older than a change of the run's experiment.json, so that
    the probe runs again: what was missing may be here now."""
    path, experiment = folder / ANSWER, folder.parents[1] / files.EXPERIMENT
    with suppress(FileNotFoundError, RunError):
        written = path.stat().st_mtime
        old = time.time() - written > ERROR_SECONDS or (
            experiment.exists() and experiment.stat().st_mtime > written
        )
        if old and "error" in files.read_json(path):
            path.unlink()


def read_answer(folder: str | Path) -> ProbeAnswer:
    """The answer, or the error in its place, which has no arrays. Raises `RunError` where there is no
    answer yet, or a damaged one. Old answers are not removed while they are read."""
    folder = Path(folder)
    if answered(folder):
        mark_used(folder)
        with _held(folder):
            if answered(folder):  # not removed meanwhile
                facts = files.read_json(folder / ANSWER, REMEDY)
                crc32 = facts.pop(_CRC32, None)
                return ProbeAnswer(facts, {} if "error" in facts else _read_arrays(folder / ARRAYS, crc32))
    raise RunError(f"{folder} holds no answer yet")


def holds_error(folder: Path) -> bool:
    """True if an error is in the answer's place. The caller holds the answer's lock."""
    return "error" in files.read_json(folder / ANSWER)


def mark_used(folder: Path) -> None:
    """Note in the folder's time that the answer is used now: those used longest ago are removed first."""
    if recorded().path not in folder.parents:
        with suppress(OSError):  # another user's shelf
            os.utime(folder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Holds the answer's lock while it is read. Answers that ship, and other users' shelves, have none."""
    lock = answer_lock(folder)
    if recorded().path not in folder.parents:
        with suppress(OSError, Timeout):
            lock.acquire(timeout=READ_SECONDS)
    try:
        yield
    finally:
        lock.release()


def write_answer(folder: Path, answer: ProbeAnswer) -> None:
    """Write the whole answer, and remove the partial one."""
    assert answer.error is None, "write_error writes those"
    content = files.write_arrays(folder / ARRAYS, answer.arrays)
    files.write_sealed(folder / ANSWER, {**answer.facts, _CRC32: zlib.crc32(content)})
    for name in (PARTIAL, PARTIAL_ARRAYS):
        (folder / name).unlink(missing_ok=True)


def write_error(folder: Path, message: str) -> None:
    """Write why there is no answer, in its place."""
    files.write_json(folder / ANSWER, {"error": message})


@dataclasses.dataclass(frozen=True)
class PartialAnswer:
    """What partial.json holds: `done` rows of `total`, computed in `seconds` as `compute` says."""

    done: int
    total: int
    seconds: float
    compute: ComputeConfig

    @classmethod
    def read(cls, folder: Path) -> PartialAnswer | None:
        """None before the first rows, and where the file is damaged: the rows are then computed again."""
        try:
            fields = Fields(files.read_json(folder / PARTIAL), folder / PARTIAL)
            compute = ComputeConfig.from_dict(fields.table("how"), folder / PARTIAL)
            return cls(fields.integer("done"), fields.integer("total"), fields.number("seconds"), compute)
        except RunError:
            return None


def write_partial(folder: Path, arrays: Arrays, partial: PartialAnswer) -> None:
    """Arrays first: a process that dies between the two files loses nothing."""
    files.write_arrays(folder / PARTIAL_ARRAYS, arrays)
    written = {"done": partial.done, "total": partial.total, "seconds": round(partial.seconds, 3)}
    files.write_sealed(folder / PARTIAL, written | {"how": partial.compute.to_dict()})


@dataclasses.dataclass(frozen=True)
class AnswerProgress:
    """How far an answer is: `done` rows of `total`, in `seconds`. `state` is waiting, running, stopped or
    done. A quick answer has no rows to count."""

    state: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None before the first rows, and while no worker computes it."""
        if self.state != "running" or not self.done:
            return None
        return self.seconds / self.done * (self.total - self.done)


def progress_of(folder: Path, *, queued: bool) -> AnswerProgress:
    """How far an answer is; `queued` says whether a job for it is in the queue."""
    so_far = PartialAnswer.read(folder)
    rows = (so_far.done, so_far.total, so_far.seconds) if so_far else (0, 0, 0.0)
    if answered(folder):
        return AnswerProgress("done", *rows)
    try:
        with answer_lock(folder):
            pass
    except Timeout:
        return AnswerProgress("running", *rows)
    if answered(folder):  # it was written between the two checks
        return AnswerProgress("done", *rows)
    return AnswerProgress("waiting" if queued else "stopped", *rows)


def read_partial(folder: Path, compute: ComputeConfig) -> tuple[Arrays, float] | None:
    """Arrays and seconds of an unfinished answer, if it was computed in the same way: one answer comes of
    one source and one kind of machine. None where there is nothing to resume from."""
    so_far = PartialAnswer.read(folder)
    if so_far is None or so_far.compute != compute:
        return None
    try:
        return _read_arrays(folder / PARTIAL_ARRAYS), so_far.seconds
    except RunError:
        return None  # damaged, so it is computed again


def answer_lock(folder: Path) -> FileLock:
    """The process that computes the answer holds it."""
    return FileLock(folder / files.LOCK, timeout=0.02, poll_interval=0.001)


def pack_answer(folder: Path, run: Run) -> Path:
    """Copy an answer to a run that ships with the package, and return its new folder.

    Raises `RunError` for an error, for one of changed source files, and for more than 200 kB.
    """
    answer = read_answer(folder)
    if answer.error is not None:
        raise RunError(f"{folder} holds an error: {answer.error}")
    how = Fields(answer.facts, folder / ANSWER).inner("how")
    if how is None or (how.text("commit", None) or "+").endswith("+"):
        raise RunError(f"{folder} was computed by uncommitted source; commit, compute again, then pack")
    if (size := sum((folder / name).stat().st_size for name in (ANSWER, ARRAYS))) > MOST_BYTES:
        raise RunError(f"{folder} takes {size} bytes; allowed: {MOST_BYTES}")
    target = run.path / files.PROBES / folder.name
    target.mkdir(parents=True, exist_ok=True)
    for name in (ARRAYS, ANSWER):
        shutil.copyfile(folder / name, target / name)
    return target


def _read_arrays(path: Path, crc32: int | None = None) -> Arrays:
    """Checks their file's checksum where it is known."""
    import numpy as np

    try:
        content = files.read_bytes(path)
        if crc32 not in (None, zlib.crc32(content)):
            raise ValueError("its checksum does not fit")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except _DAMAGED as error:
        raise RunError(f"{path} is damaged ({error}); {REMEDY}") from None
