"""Real worker processes and a long answer: killed, gone on with to the bit; and quick answers meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from resnet_edu import jobs
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import Shelf, answers
from resnet_edu.workers import answer, train

ARGUMENTS = {"images": 64, "points": 7}
HANGS = """
import sys, time
from resnet_edu.workers import answer, train
from resnet_edu.runs import answers

keep = answers.write_partial

def keep_and_hang(folder, arrays, partial):
    keep(folder, arrays, partial)
    if partial.done == 3:
        time.sleep(1000)

answer.KEEP_SECONDS = -1
answers.write_partial = keep_and_hang
process.main(*sys.argv[1:])
"""


def until(condition: Callable[[], object], seconds: float = 90) -> None:
    """Wait for something that must come to pass."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_worker_s_answer_is_gone_on_with_to_the_bit_and_quick_ones_do_not_wait(tiny, monkeypatch):
    run = Shelf().get_or_create(tiny())
    train.train_run(run)
    with monkeypatch.context() as patched:
        patched.setattr(pool, "start", lambda *_: None)
        folder = jobs.ask(run, "loss_plane", **ARGUMENTS)
    first = subprocess.Popen([sys.executable, "-c", HANGS, str(Shelf().path), queue.LONG])
    try:
        until(lambda: jobs.answer_progress(folder).done == 3)
        assert jobs.answer_progress(folder).state == "running"
        quick = jobs.ask(run, "images", count=3)
        until(lambda: answers.answered(quick))
    finally:
        first.kill()
        first.wait()
    assert jobs.answer_progress(folder).state == "waiting"
    (job,) = queue.pending(Shelf())
    assert job.tries == 1

    before = {name: array[:, :3].copy() for name, array in partial_arrays(folder).items()}
    jobs.ask(run, "loss_plane", **ARGUMENTS)
    until(lambda: answers.answered(folder))
    arrays = answers.read_answer(folder)[1]
    whole = answer.probes.answer(run, "loss_plane", ARGUMENTS)[1]
    assert all(np.array_equal(array, whole[name]) for name, array in arrays.items())
    assert all(np.array_equal(array, arrays[name][:, :3]) for name, array in before.items())
    log = (Shelf().path / queue.QUEUE / "workers.log").read_text()
    assert "Traceback" not in log, log


def partial_arrays(folder):
    with np.load(folder / answers.PARTIAL_ARRAYS) as arrays:
        return {name: arrays[name] for name in ("loss", "error")}
