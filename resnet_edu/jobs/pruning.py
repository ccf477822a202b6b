"""Keeps the answers of a shelf within a bound: those that were used longest ago go first. No torch here.

Workers that run probes call it now and then. It takes an answer's lock, so that it removes none that a
process reads or writes; answers that are queued, or were used a few minutes ago, stay. Those that ship with
recorded runs are in another folder, which it never touches.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from resnet_edu.jobs import queue
from resnet_edu.runs import RunError, Shelf, answers, files, recorded

MEGABYTES = 500
KEPT_SECONDS = 600.0
EVERY_SECONDS = 60.0


def most_bytes() -> float:
    """`RESNET_EDU_MAX_ANSWERS` in MB, else 500 MB. Raises `RunError` for what is no number above 0."""
    text = os.environ.get("RESNET_EDU_MAX_ANSWERS") or str(MEGABYTES)
    with suppress(ValueError):
        if float(text) > 0:
            return 1e6 * float(text)
    raise RunError(f"RESNET_EDU_MAX_ANSWERS is {text!r}; allowed: megabytes, a number above 0, or inf")


def prune(shelf: Shelf, most: float) -> list[Path]:
    """Remove answers until all of them take at most so many bytes; returns the removed folders."""
    if shelf.path.resolve() == recorded().path.resolve():
        return []
    found = sorted((used, size, folder) for folder in _folders(shelf) for used, size in _looked_at(folder))
    total = sum(size for _, size, _ in found)
    removed = []
    for used, size, folder in found:
        if total <= most or time.time() - used < KEPT_SECONDS:
            break
        if _remove(folder, used):
            removed.append(folder)
            total -= size
    return removed


def _folders(shelf: Shelf) -> list[Path]:
    """Links are not followed: a folder elsewhere is none of ours."""
    runs = [path for path in shelf.path.glob("*") if path.is_dir() and not path.is_symlink()]
    places = [path / files.PROBES for path in runs]
    inner = (folder for place in places if not place.is_symlink() for folder in place.glob("*"))
    return [folder for folder in inner if folder.is_dir() and not folder.is_symlink()]


def _looked_at(folder: Path) -> list[tuple[float, int]]:
    """When it was used last, and its bytes; empty where it was removed meanwhile."""
    try:
        return [(folder.stat().st_mtime, sum(path.stat().st_size for path in folder.iterdir()))]
    except OSError:
        return []


def _remove(folder: Path, used: float) -> bool:
    """False if a process reads, writes or waits for it, or has used it since."""
    new = not (folder / files.LOCK).exists()  # its creation changes the folder's time
    try:
        with answers.answer_lock(folder):
            if queue.probe_job_file(folder).exists() or (folder.stat().st_mtime != used and not new):
                return False
            (folder / answers.ANSWER).unlink(missing_ok=True)  # first: without it there is no answer
            shutil.rmtree(folder, ignore_errors=True)
            return True
    except (Timeout, OSError):
        return False
