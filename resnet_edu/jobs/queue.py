"""The queue: a folder with one file per wish, for a training or for a probe's answer. No torch here.

Whoever reads and then changes a wish holds the queue's lock meanwhile, which takes a millisecond.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from resnet_edu.runs import Shelf, files

QUEUE = ".queue"
TRIES = 3
ANSWERS, SLOW, LONG = ANSWERING = "answers", "slow", "long"
"""The slots of those who answer: a quick question never waits for a slow or a long one."""
SLOW_PROBES = (
    "activations",
    "gradient_correlations",
    "jacobians",
    "lesions",
    "path_lengths",
    "random_lesions",
    "sanity",
    "shuffles",
    "smoothness",
    "trust",
    "unit_shares",
)
"""Questions whose answers take seconds."""
LONG_PROBES = ("loss_plane", "loss_line", "loss_interpolation")
"""Questions whose answers take minutes, grow in pieces and can be gone on with."""


def queue_for(probe: str) -> str:
    """The slot of the worker that sees to this question."""
    return LONG if probe in LONG_PROBES else SLOW if probe in SLOW_PROBES else ANSWERS


def wishes(shelf: Shelf) -> list[dict[str, Any]]:
    """What waits or is being worked on, oldest first; each has its file as `wish`.

    A file that is no wish, or wishes for something outside the shelf, is passed over.
    """
    found = []
    for path in (shelf.path / QUEUE).glob("*.json"):
        wish = _read(path)
        if _sound(wish, shelf):
            found.append(wish | {"wish": path})
    return sorted(found, key=lambda wish: wish["at"])


def enqueue(shelf: Shelf, name: str, wish: dict[str, Any], asker: str = "") -> None:
    """Wish for something, unless the same is wished for already; `asker` is then one more who does."""
    path = path_of(shelf.path, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _changing(path):
        there = _read(path)
        if not path.exists():
            _write(path, wish | {"at": time.time(), "tries": 0, "askers": [asker]})
        elif isinstance(there, dict) and asker not in (askers := _askers(there)):
            _write(path, there | {"askers": [*askers, asker]})


def withdraw(path: Path, asker: str) -> float | None:
    """`asker` wishes no more. What nobody wishes for leaves the queue; returns its place there if it was
    not begun."""
    if not path.exists():
        return None
    with _changing(path):
        wish = _read(path)
        if not isinstance(wish, dict) or asker not in (askers := _askers(wish)):
            return None
        askers.remove(asker)
        if askers:
            _write(path, wish | {"askers": askers})
            return None
        path.unlink()
        return None if wish["tries"] else wish["at"]


def advance(path: Path, place: float) -> None:
    """Put a wish no further back than at this place in the queue."""
    with _changing(path):
        wish = _read(path)
        if isinstance(wish, dict) and wish["at"] > place:
            _write(path, wish | {"at": place})


def remove(path: Path) -> None:
    """Take a wish out of the queue, whoever wishes for it."""
    if path.exists():
        with _changing(path):
            path.unlink(missing_ok=True)


def another_try(wish: Mapping[str, Any]) -> bool:
    """Count one more try of the wish, before it is begun; False when it has had them all."""
    if wish["tries"] >= TRIES:
        return False
    with _changing(wish["wish"]):
        now = _read(wish["wish"])
        if isinstance(now, dict):  # else it was taken back just now, and whoever begins it will see that
            _write(wish["wish"], now | {"tries": wish["tries"] + 1})
    return True


def fulfilled(wish: Mapping[str, Any]) -> None:
    """Take the wish out of the queue, unless the same was wished for anew meanwhile."""
    with _changing(wish["wish"]):
        now = _read(wish["wish"])
        if isinstance(now, dict) and now["at"] == wish["at"]:
            wish["wish"].unlink()


def path_of(shelf: Path, name: str) -> Path:
    return shelf / QUEUE / f"{name}.json"


def _askers(wish: Mapping[str, Any]) -> list[str]:
    return list(wish.get("askers", ()))


@contextlib.contextmanager
def _changing(path: Path):
    with FileLock(path.parent / "lock", poll_interval=0.001):
        yield


def _write(path: Path, wish: dict[str, Any]) -> None:
    files.replace_file(path, json.dumps(wish).encode())


def _read(path: Path) -> Any:
    """None for what is not there, was taken meanwhile, or is damaged."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _sound(wish: Any, shelf: Shelf) -> bool:
    if not isinstance(wish, dict):
        return False
    if not all(isinstance(wish.get(key), int | float) for key in ("at", "tries")):
        return False
    if "probe" in wish:
        names = all(isinstance(wish.get(key), str) for key in ("probe", "path", "folder"))
        inside = names and Path(wish["folder"]).resolve().is_relative_to(shelf.path.resolve())
        return inside and isinstance(wish.get("arguments"), dict)
    run, threads = wish.get("run"), wish.get("threads", [1])
    told = isinstance(wish.get("recording"), dict) and isinstance(threads, list)
    return told and isinstance(run, str) and run == Path(run).name
