"""The worker processes of a shelf: how many there may be, in which slots, and starting them.

Each holds the lock of its slot as long as it lives: `0`, `1`, … train, and those of `queue.PROBE_SLOTS`
run probes.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from resnet_edu.experiment import Experiment
from resnet_edu.jobs import machine, pruning
from resnet_edu.jobs.queue import QUEUE, TrainJob, pending
from resnet_edu.runs import RunError, Shelf

NICE = 10
_started: dict[tuple[Path, str], subprocess.Popen[bytes]] = {}


def slots(experiments: Iterable[Experiment] = ()) -> int:
    """How many of these trainings may run at once: `RESNET_EDU_WORKERS`, else one a core, or some a GPU."""
    return _fixed_number() or machine.at_once(experiments)


def per_gpu(experiment: Experiment) -> int:
    """How many trainings like this one share a GPU."""
    memories = machine.gpus() or (math.inf,)
    return -(-_fixed_number() // len(memories)) or machine.per_gpu(min(memories), [experiment])


def _fixed_number() -> int:
    """`RESNET_EDU_WORKERS`, or 0 where it is not set."""
    text = os.environ.get("RESNET_EDU_WORKERS", "")
    if text and (not text.isdecimal() or not 1 <= int(text) <= 1024):
        raise RunError(f"RESNET_EDU_WORKERS is {text!r}; allowed: 1 … 1024")
    return int(text or 0)


def idle_seconds() -> float:
    """How long a worker without work waits for more: `RESNET_EDU_IDLE`, else a minute."""
    text = os.environ.get("RESNET_EDU_IDLE", "60")
    try:
        return float(text)
    except ValueError:
        raise RunError(f"RESNET_EDU_IDLE is {text!r}; it takes seconds, a number") from None


def start_workers(shelf: Shelf) -> None:
    """Start as many workers as there are training jobs and free slots. A surplus worker ends by itself."""
    waiting = sum(isinstance(job, TrainJob) for job in pending(shelf))
    for slot in range(min(slots(), waiting)):
        start(shelf, str(slot))


def slot_lock(shelf: Shelf, slot: str) -> FileLock:
    """Held by the worker of this slot as long as it lives."""
    return FileLock(shelf.path / QUEUE / f"worker-{slot}.lock", timeout=0.01, poll_interval=0.001)


def start(shelf: Shelf, slot: str) -> None:
    """Start a worker for this slot, unless it has one."""
    idle_seconds(), pruning.most_bytes()  # raise here, where the user sees it, and not in the worker's log
    ours = _started.get((shelf.path, slot))
    if ours is not None and ours.poll() is None:
        return  # perhaps still importing, before it holds its lock
    try:
        with slot_lock(shelf, slot):
            pass
    except Timeout:
        return
    (shelf.path / QUEUE).mkdir(parents=True, exist_ok=True)
    with (shelf.path / QUEUE / "workers.log").open("ab") as log:
        worker = _started[shelf.path, slot] = subprocess.Popen(
            [sys.executable, "-m", "resnet_edu.workers.process", str(shelf.path), slot],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            start_new_session=True,
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),  # Windows' `nice`
        )
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, worker.pid, NICE)  # from its imports on, so that pages stay fast
