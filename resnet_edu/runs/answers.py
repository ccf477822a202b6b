"""A probe's answer: facts and arrays in a folder of its run's, computed once.

| file          | holds                                                                       |
|---------------|-----------------------------------------------------------------------------|
| answer.json   | facts; or `error`, for people. It is written last: it stands for the whole   |
| answer.npz    | arrays by name                                                              |
| partial.npz   | of a long answer that is not whole yet: the arrays so far                   |
| partial.json  | how far that is, in how many seconds, and how it was computed               |
| lock          | held by the one who computes                                                |
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from resnet_edu.runs import files
from resnet_edu.runs.files import RunError
from resnet_edu.runs.run import Run
from resnet_edu.runs.shelf import Shelf, recorded

if TYPE_CHECKING:
    import numpy as np

ANSWER, ARRAYS = "answer.json", "answer.npz"
PARTIAL, PARTIAL_ARRAYS = "partial.json", "partial.npz"
ERROR_SECONDS = 30
MOST_BYTES = 200_000
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
_DAMAGED = (*_BAD_ZIP, OSError, ValueError, TypeError, AttributeError, MemoryError)

Arrays = dict[str, "np.ndarray"]


def answer_folder(run: Run, probe: str, arguments: Mapping[str, Any]) -> Path:
    """Where this answer lies or will lie; raises `RunError` for what cannot be a probe's name."""
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
    """True once the whole answer stands there, be it an error."""
    return (folder / ANSWER).exists()


def forget_error(folder: Path) -> None:
    """An error that has stood for a while is no answer any more: what was missing may be here now."""
    path = folder / ANSWER
    with suppress(FileNotFoundError, RunError):
        if time.time() - path.stat().st_mtime > ERROR_SECONDS and "error" in files.read_json(path):
            path.unlink()


def read_answer(folder: str | Path) -> tuple[dict[str, Any], Arrays]:
    """Facts and arrays by name. An answer may be an error: `error` in the facts is for people, and no
    arrays come with it. Raises `RunError` where there is no answer yet, or a damaged one."""
    folder = Path(folder)
    if not answered(folder):
        raise RunError(f"{folder} holds no answer yet")
    facts = files.read_json(folder / ANSWER)
    return facts, {} if "error" in facts else _read_arrays(folder / ARRAYS)


def write_answer(folder: Path, facts: dict[str, Any], arrays: Arrays) -> None:
    """What was kept on the way goes, since it is in the answer."""
    assert "error" not in facts, "that word says that there is no answer"
    files.write_arrays(folder / ARRAYS, arrays)
    files.write_json(folder / ANSWER, facts)
    for name in (PARTIAL, PARTIAL_ARRAYS):
        (folder / name).unlink(missing_ok=True)


def keep_partial(
    folder: Path, arrays: Arrays, *, done: int, total: int, seconds: float, how: dict[str, Any]
) -> None:
    """Arrays first: whoever dies between the two files computes a little twice, and loses nothing."""
    files.write_arrays(folder / PARTIAL_ARRAYS, arrays)
    said = {"done": done, "total": total, "seconds": round(seconds, 3), "how": how}
    files.write_json(folder / PARTIAL, said)


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
        """At the pace so far; None before the first rows, and while nobody is at it."""
        if self.state != "running" or not self.done:
            return None
        return self.seconds / self.done * (self.total - self.done)


def progress_of(folder: Path, *, waits: bool) -> AnswerProgress:
    """`waits` says whether the answer is in the queue."""
    said = _so_far(folder)
    rows = (said.get("done", 0), said.get("total", 0), said.get("seconds", 0.0))
    if answered(folder):
        return AnswerProgress("done", *rows)
    try:
        with answer_lock(folder):
            pass
    except Timeout:
        return AnswerProgress("running", *rows)
    if answered(folder):  # between the two looks
        return AnswerProgress("done", *rows)
    return AnswerProgress("waiting" if waits else "stopped", *rows)


def read_partial(folder: Path, how: dict[str, Any]) -> tuple[Arrays, float] | None:
    """Arrays and seconds of an answer that was begun, if it was computed as `how` says: one answer
    comes of one source and one kind of machine. None where there is nothing to go on from."""
    said = _so_far(folder)
    if said.get("how") != how:
        return None
    try:
        return _read_arrays(folder / PARTIAL_ARRAYS), float(said.get("seconds", 0))
    except (RunError, TypeError, ValueError):
        return None  # computed anew, which is what anybody would do about it


def answer_lock(folder: Path) -> FileLock:
    """To be held by whoever computes the answer."""
    return FileLock(folder / files.LOCK, timeout=0.02, poll_interval=0.001)


def pack_answer(folder: Path, run: Run) -> Path:
    """Copy an answer to a run that ships with the package, and return where it lies there.

    Raises `RunError` for an error, for one of changed source files, and for more than 200 kB.
    """
    facts, _ = read_answer(folder)
    if "error" in facts:
        raise RunError(f"{folder} holds an error: {facts['error']}")
    if str(facts.get("how", {}).get("commit") or "+").endswith("+"):
        raise RunError(f"{folder} was computed by uncommitted source; commit, compute again, then pack")
    if (size := sum((folder / name).stat().st_size for name in (ANSWER, ARRAYS))) > MOST_BYTES:
        raise RunError(f"{folder} takes {size} bytes; allowed: {MOST_BYTES}")
    target = run.path / files.PROBES / folder.name
    target.mkdir(parents=True, exist_ok=True)
    for name in (ARRAYS, ANSWER):
        shutil.copyfile(folder / name, target / name)
    return target


def _so_far(folder: Path) -> dict[str, Any]:
    """`done` of `total`, `seconds` and `how`; empty before the first rows."""
    try:
        return files.read_json(folder / PARTIAL)
    except RunError:
        return {}


def _read_arrays(path: Path) -> Arrays:
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except _DAMAGED as error:
        raise RunError(f"{path} is damaged ({error}); remove its folder, and ask anew") from None
