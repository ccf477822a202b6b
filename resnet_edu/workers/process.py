"""The loop of a worker process: take jobs from the queue until there have been none for a while.

`python -m resnet_edu.workers.process SHELF SLOT` is one; `jobs.pool` starts it.
"""

from __future__ import annotations

import functools
import sys
import time
import traceback
from contextlib import suppress

import torch
from filelock import Timeout

from resnet_edu.jobs import pool, pruning, queue
from resnet_edu.jobs.queue import ProbeJob, TrainJob
from resnet_edu.runs import ComputeRequest, Run, RunBusy, RunError, RunWriter, Shelf, files
from resnet_edu.workers import answer
from resnet_edu.workers.gpu import acquire_device
from resnet_edu.workers.train import train_run

POLL_SECONDS = 0.05


def serve(shelf: Shelf, slot: str, idle_seconds: float) -> None:
    """Take jobs until there have been none for so many seconds. Returns at once if the slot is taken."""
    try:
        # A process checking whether this slot is taken holds the lock briefly.
        with pool.slot_lock(shelf, slot).acquire(timeout=1):
            idle_since = time.monotonic()
            while time.monotonic() - idle_since < idle_seconds:
                _prune(shelf, slot, int(time.monotonic() // pruning.EVERY_SECONDS))
                jobs = queue.in_turn(queue.pending(shelf))
                if any(try_claim(shelf, job, slot) for job in jobs):
                    idle_since = time.monotonic()
                else:
                    _import_captum(slot)
                    time.sleep(POLL_SECONDS)
    except Timeout:
        return


@functools.lru_cache(1)
def _prune(shelf: Shelf, slot: str, minute: int) -> None:
    """Keep the answers within their bound: once a minute, as long as this worker computes some."""
    if slot in queue.PROBE_SLOTS:
        pruning.prune(shelf, pruning.most_bytes())


@functools.cache
def _import_captum(slot: str) -> None:
    """Import captum while idle, so that the first saliency request is fast."""
    if slot == queue.QUICK:
        with suppress(ImportError):
            import captum.attr  # noqa: F401


def try_claim(shelf: Shelf, job: TrainJob | ProbeJob, slot: str) -> bool:
    """Do the job if it belongs to this slot and no other worker has it; True if it was done."""
    if isinstance(job, ProbeJob):
        return slot == queue.queue_for(job.probe) and answer.handle(job)
    return slot not in queue.PROBE_SLOTS and _train(shelf, job)


def _train(shelf: Shelf, job: TrainJob) -> bool:
    try:
        run = Run(shelf.path / job.run)
        if run.busy():
            return False
        with acquire_device(shelf, run) as device, RunWriter(run) as writer:
            if job.file.exists() and not run.status().complete:  # not done meanwhile by another worker
                _attempt(writer, job, device)
            queue.complete(job)
    except (RunBusy, Timeout):
        return False
    except (RunError, OSError):
        queue.complete(job)  # the run was removed, its files are beyond repair, or the disk is full
        traceback.print_exc()
    return True


def _attempt(writer: RunWriter, job: TrainJob, device: str) -> None:
    if not queue.begin_attempt(job, writer.path / files.CHECKPOINT):
        writer.fail(f"given up after {queue.TRIES} tries: the process that trained it died each time")
        return
    request = ComputeRequest(device=device, threads=job.threads, recording=job.recording)
    try:
        train_run(writer.run, request, writer=writer)
    except Exception:
        traceback.print_exc()  # the run's status has one line; the log has the traceback


def main(shelf: str, slot: str) -> None:
    """Serve in this process, which is a worker's."""
    torch.set_num_threads(1)
    # Workers for quick and slow probes stay longer: a reader looks at a map before asking for the next.
    patience = 10 if slot in (queue.QUICK, queue.SLOW) else 1
    serve(Shelf(shelf), slot, pool.idle_seconds() * patience)


if __name__ == "__main__":
    main(*sys.argv[1:])
