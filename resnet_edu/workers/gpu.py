"""Devices for trainings of this machine's workers, reserved by lock files in the queue's folder."""

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
def acquire_device(shelf: Shelf, run: Run) -> Iterator[str]:
    """A device with room for one more training like this, reserved inside `with`; raises `Timeout` if all
    are full.

    A GPU takes `pool.per_gpu` trainings, the emptiest GPU first; on the CPU each worker has its own core.
    """
    usable = _usable(run)
    if usable == ["cpu"]:
        yield "cpu"
        return
    for place, device in itertools.product(range(pool.per_gpu(run.experiment)), usable):
        name = f"device-{device.replace(':', '-')}-{place}.lock"
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
    if run.compute is not None:
        return [run.compute.device]
    best, count = devices.available_devices()[0], torch.cuda.device_count()
    return [f"cuda:{index}" for index in range(count)] if best == "cuda" and count > 1 else [best]
