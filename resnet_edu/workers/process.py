"""The loop of a worker process: take jobs from the queue until there have been none for a while.

`python -m resnet_edu.workers.process SHELF SLOT` is one; `jobs.pool` starts it.
"""

from __future__ import annotations

import functools
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from filelock import Timeout

from resnet_edu.jobs import pool, queue
from resnet_edu.runs import Run, RunBusy, RunError, RunWriter, Shelf
from resnet_edu.workers import answer
from resnet_edu.workers.gpu import lane
from resnet_edu.workers.train import train_or_say_why

LOOK_SECONDS = 0.05


def serve(shelf: Shelf, slot: str, idle_seconds: float) -> None:
    """Work off wishes until there has been none for so long. Returns at once if the slot is taken."""
    try:
        with pool.slot_lock(shelf, slot).acquire(timeout=1):  # whoever looks for us holds it for an instant
            idle_since = time.monotonic()
            while time.monotonic() - idle_since < idle_seconds:
                if any(_take(shelf, wish, slot) for wish in queue.wishes(shelf)):
                    idle_since = time.monotonic()
                else:
                    _import_ahead(slot)
                    time.sleep(LOOK_SECONDS)
    except Timeout:
        return


@functools.cache
def _import_ahead(slot: str) -> None:
    """Nobody waits yet: the time to import what maps are made with."""
    if slot == queue.ANSWERS:
        with suppress(ImportError):
            import captum.attr  # noqa: F401


def _take(shelf: Shelf, wish: Mapping[str, Any], slot: str) -> bool:
    """Work on the wish if this worker can; True if it did."""
    if "probe" in wish:
        return slot == queue.queue_for(wish["probe"]) and answer.see_to(wish)
    return slot not in queue.ANSWERING and _train_wish(shelf, wish)


def _train_wish(shelf: Shelf, wish: Mapping[str, Any]) -> bool:
    try:
        run = Run(shelf.path / wish["run"])
        if run.busy():
            return False
        with lane(shelf, run) as device, RunWriter(run) as writer:
            if wish["wish"].exists() and not run.status().complete:  # not worked off while we waited
                _train_or_give_up(writer, wish, device)
            queue.fulfilled(wish)
    except (RunBusy, Timeout):
        return False
    except RunError:
        queue.fulfilled(wish)  # the run was removed, or its files are beyond repair
        traceback.print_exc()
    return True


def _train_or_give_up(writer: RunWriter, wish: Mapping[str, Any], device: str) -> None:
    if not queue.another_try(wish):
        at = writer.run.status()
        why = f"given up after {queue.TRIES} tries: the process that trained it died each time"
        writer.status("failed", at.step, at.seconds, why)
        return
    try:
        asked = {"device": device, "threads": wish.get("threads", (1,))}
        train_or_say_why(writer, asked, {"recording": wish["recording"]}, lambda block: None, lambda: True)
    except Exception:
        traceback.print_exc()  # the run says it in a line; the log has the whole story


def main(shelf: str, slot: str) -> None:
    torch.set_num_threads(1)
    # Who answers stays longer: a reader looks at a map before asking for the next.
    serve(Shelf(shelf), slot, pool.idle_seconds() * (10 if slot in (queue.ANSWERS, queue.SLOW) else 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
