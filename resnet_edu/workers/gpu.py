"""Room for a training on this machine's devices, handed out by locks in the queue's folder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from filelock import FileLock, Timeout

from resnet_edu.jobs import pool, queue
from resnet_edu.runs import Run, Shelf
from resnet_edu.training import devices


@contextmanager
def lane(shelf: Shelf, run: Run) -> Iterator[str]:
    """A device with room for one more training like this, held meanwhile; raises `Timeout` if there is none.

    Every GPU takes a few (`pool.per_gpu`), the emptiest first; on the CPU each worker has room of its own.
    """
    usable = _usable(run)
    if usable == ["cpu"]:
        yield "cpu"
        return
    for place, device in itertools.product(range(pool.per_gpu(run.experiment)), usable):
        name = f"lane-{device.replace(':', '-')}-{place}.lock"
        lock = FileLock(shelf.path / queue.QUEUE / name, timeout=0)
        with suppress(Timeout):
            lock.acquire()
            break
    else:
        raise Timeout(f"room on {', '.join(usable)}")
    try:
        yield device
    finally:
        lock.release()


def _usable(run: Run) -> list[str]:
    """The device that the run was begun on, else all of the best kind."""
    if told := run.how.get("device"):
        return [told]
    best, count = devices.available_devices()[0], torch.cuda.device_count()
    return [f"cuda:{index}" for index in range(count)] if best == "cuda" and count > 1 else [best]
