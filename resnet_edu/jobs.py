"""Which worker processes run, and when: submit, cancel, ask. A folder is the queue; no torch here.

`SHELF/.queue/` holds one file per wish. Workers are detached processes of one thread each, at most
as many as cores. A worker claims a wish by the lock of its run, which the system releases if the
worker dies, so that another one takes the run up where it was. Whoever submits may go away. The arms of a
study can go to the workers of an executor instead, on this machine or others: see `clusters`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from resnet_edu import clusters
from resnet_edu.experiment import Experiment
from resnet_edu.runs import Run, RunError, Shelf, files, recorded

QUEUE = ".queue"
ANSWERS, ANSWER = "answers", "answer.json"
TRIES = 3
_started: dict[tuple[Path, str], subprocess.Popen] = {}


def slots() -> int:
    """How many trainings may run at once: `RESNET_EDU_WORKERS`, else the number of cores."""
    told = os.environ.get("RESNET_EDU_WORKERS", "")
    if told and (not told.isdecimal() or not 1 <= int(told) <= 1024):
        raise RunError(f"RESNET_EDU_WORKERS is {told!r}; allowed: 1 … 1024")
    if told:
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def idle_seconds() -> float:
    """How long a worker without work waits for more: `RESNET_EDU_IDLE`, else a minute."""
    told = os.environ.get("RESNET_EDU_IDLE", "60")
    try:
        return float(told)
    except ValueError:
        raise RunError(f"RESNET_EDU_IDLE is {told!r}; it takes seconds, a number") from None


def submit(
    experiment: Experiment,
    shelf: Shelf | None = None,
    *,
    again: bool = False,
    every_step: bool = False,
    checkpoints: int = 1,
) -> Run:
    """Have the experiment trained; returns its run at once, to be watched.

    An unfinished run is continued and a finished one is left as it is: the same experiment
    submitted twice is trained once. `again` asks for a new attempt if the newest has ended well.
    """
    shelf = shelf or Shelf()
    latest = shelf.latest(experiment)
    complete = latest is not None and latest.status().complete
    run = shelf.place(experiment, again=again and complete)
    if (not complete or again) and (run.stopping() or not run.busy()):
        run.queue()
        recording = {"every_step": every_step, "checkpoints": checkpoints}
        _enqueue(shelf, run.name, {"run": run.name, "recording": recording})
    start_workers(shelf)
    return run


def submit_all(
    experiments: Iterable[Experiment],
    shelf: Shelf | None = None,
    *,
    again: bool = False,
    executor: Executor | None = None,
) -> list[Run]:
    """Submit the arms of a study, in order. `again` makes new attempts once all arms have ended. With an
    `executor` its workers train them, as long as this process lives (see `clusters`)."""
    shelf, experiments = shelf or Shelf(), list(experiments)
    newest = [shelf.latest(experiment) for experiment in experiments]
    again = again and all(run is not None and run.status().complete for run in newest)
    depths = [e.net.depth for e in experiments]
    extremes = min(depths, default=0), max(depths, default=0)
    kept = [8 if e.net.depth in extremes else 1 for e in experiments]
    if executor is None:
        return [submit(e, shelf, again=again, checkpoints=n) for e, n in zip(experiments, kept, strict=True)]
    runs = [shelf.place(experiment, again=again) for experiment in experiments]
    told = [{"every_step": False, "checkpoints": n} for n in kept]
    clusters.send(list(zip(runs, told, strict=True)), executor)
    return runs


def cancel(run: Run) -> None:
    """Take a waiting run out of the queue; ask a running one to stop after its present steps."""
    _wish(run.path.parent, run.name).unlink(missing_ok=True)
    run.stop()


def cancel_all(runs: Iterable[Run]) -> None:
    for run in runs:
        if not run.status().ended:
            cancel(run)


def ask(run: Run, probe: str, **arguments: Any) -> Path:
    """The folder with the probe's answer, asked of a worker if it is not there yet.

    The answer is complete once `answer.json` stands in the folder; an `error` in it is for people.
    Answers of a read-only run (one that ships with the package) are kept on the user's shelf.
    """
    if not re.fullmatch(r"[a-z_-]+", probe):
        raise RunError(f"probe is {probe!r}; allowed: small letters, _ and -")
    text = json.dumps({"probe": probe, **arguments}, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    shelf = Shelf() if run.path.parent == recorded().path else Shelf(run.path.parent)
    home = run.path if run.path.parent == shelf.path else shelf.path / f".{run.name}"
    folder = home / files.PROBES / f"{probe}-{key}"
    if not (folder / ANSWER).exists():
        folder.mkdir(parents=True, exist_ok=True)
        wish = {"path": str(run.path), "folder": str(folder), "probe": probe, "arguments": arguments}
        _enqueue(shelf, f"probe-{run.name}-{key}", wish)
        _start(shelf, ANSWERS)
    return folder


def start_workers(shelf: Shelf) -> None:
    """As many workers as there are wishes and free slots. A surplus one ends by itself."""
    waiting = sum(1 for wish in wishes(shelf) if "run" in wish)
    for slot in range(min(slots(), waiting)):
        _start(shelf, str(slot))


def wishes(shelf: Shelf) -> list[dict[str, Any]]:
    """What waits or is being worked on, oldest first; each has its file as `wish`.

    A file that is no wish, or wishes for something outside the shelf, is passed over.
    """
    found = []
    for path in (shelf.path / QUEUE).glob("*.json"):
        try:
            wish = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # taken meanwhile, or damaged
        if _sound(wish, shelf):
            found.append(wish | {"wish": path})
    return sorted(found, key=lambda wish: wish["at"])


def _sound(wish: Any, shelf: Shelf) -> bool:
    if not isinstance(wish, dict):
        return False
    if not all(isinstance(wish.get(key), int | float) for key in ("at", "tries")):
        return False
    if "probe" in wish:
        names = all(isinstance(wish.get(key), str) for key in ("probe", "path", "folder"))
        inside = names and Path(wish["folder"]).resolve().is_relative_to(shelf.path.resolve())
        return inside and isinstance(wish.get("arguments"), dict)
    run = wish.get("run")
    return isinstance(run, str) and run == Path(run).name and isinstance(wish.get("recording"), dict)


def another_try(wish: Mapping[str, Any]) -> bool:
    """Count one more try of the wish, before it is begun; False when it has had them all."""
    if wish["tries"] >= TRIES:
        return False
    counted = {name: value for name, value in wish.items() if name != "wish"} | {"tries": wish["tries"] + 1}
    files.replace_file(wish["wish"], json.dumps(counted).encode())
    return True


def fulfilled(wish: Mapping[str, Any]) -> None:
    """Take the wish out of the queue, unless the same was wished for anew meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        if json.loads(wish["wish"].read_text("utf-8"))["at"] == wish["at"]:
            wish["wish"].unlink()


def slot_lock(shelf: Shelf, slot: str) -> FileLock:
    """Held by the worker of this slot as long as it lives."""
    return FileLock(shelf.path / QUEUE / f"worker-{slot}.lock", timeout=0.01, poll_interval=0.001)


def _enqueue(shelf: Shelf, name: str, wish: dict[str, Any]) -> None:
    path = _wish(shelf.path, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        files.replace_file(path, json.dumps(wish | {"at": time.time(), "tries": 0}).encode())


def _wish(shelf: Path, name: str) -> Path:
    return shelf / QUEUE / f"{name}.json"


def _start(shelf: Shelf, slot: str) -> None:
    idle_seconds()  # said here, where somebody reads it
    ours = _started.get((shelf.path, slot))
    if ours is not None and ours.poll() is None:
        return  # perhaps still importing, before it holds its lock
    try:
        with slot_lock(shelf, slot):
            pass
    except Timeout:
        return
    with (shelf.path / QUEUE / "workers.log").open("ab") as log:
        _started[shelf.path, slot] = subprocess.Popen(
            [sys.executable, "-m", "resnet_edu.worker", str(shelf.path), slot],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            start_new_session=True,
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),  # Windows' way of being nice
        )
