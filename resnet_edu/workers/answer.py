"""Computes a probe's answer into its folder, in pieces that are kept: joins bench and desk for questions."""

from __future__ import annotations

import functools
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from filelock import Timeout

from resnet_edu import probes
from resnet_edu.host import commit
from resnet_edu.jobs import queue
from resnet_edu.runs import ComputeConfig, Run, RunBusy, RunError, answers
from resnet_edu.runs.answers import PartialAnswer, ProbeAnswer
from resnet_edu.training import devices

KEEP_SECONDS = 1.0
OnRow = Callable[[PartialAnswer], None]


def answer_run(
    run: Run,
    probe: str,
    arguments: Mapping[str, Any],
    *,
    threads: int = 1,
    on_row: OnRow = lambda partial: None,
    should_continue: Callable[[], bool] = lambda: True,
) -> Path:
    """Compute the answer in this process, resuming what is there; returns its folder.

    An answer that is there already is left as it is, unless it is an error. Raises `RunBusy`, and
    `ValueError` for what cannot be asked or computed.

    - `arguments`: the probe's own.
    - `threads`: of the CPU. One is fastest for small nets, and what every worker has.
    - `on_row`: called after each row of a long answer.
    - `should_continue`: once it is false, the rows so far are kept; the same call resumes them.
    """
    folder = answers.answer_folder(run, probe, arguments)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    try:
        # A process that asks for the progress holds the lock for an instant.
        with answers.answer_lock(folder).acquire(timeout=1):
            if not answers.answered(folder) or answers.holds_error(folder):
                (folder / answers.ANSWER).unlink(missing_ok=True)
                _compute(run, probe, arguments, folder, on_row, should_continue)
    except Timeout:
        raise RunBusy(f"{folder} is being computed by another process") from None
    return folder


def handle(job: queue.ProbeJob) -> bool:
    """Answer the job in a worker; False if another process computes it. Errors are answers too."""
    if not job.folder.exists():
        queue.complete(job)  # the run was removed
        return True
    try:
        with answers.answer_lock(job.folder):
            if not job.file.exists():
                return True  # cancelled while the worker was busy with other jobs
            if answers.answered(job.folder) or _attempt(job):
                queue.complete(job)
            return True
    except Timeout:
        return False


def _attempt(job: queue.ProbeJob) -> bool:
    """False when the job was cancelled meanwhile; its rows so far are kept."""
    try:
        if not queue.begin_attempt(job, job.folder / answers.PARTIAL):
            raise RunError(f"given up after {queue.TRIES} tries: the process that computed it died each time")
        run = Run(job.path)
        return _compute(run, job.probe, job.arguments, job.folder, should_continue=job.file.exists)
    except (ValueError, OSError) as error:
        why = str(error)
    except Exception as error:
        traceback.print_exc()
        why = f"{type(error).__name__} while computing this; the workers' log has more"
    if job.folder.exists():  # else the run was removed meanwhile
        answers.write_error(job.folder, why)
    return True


def _compute(
    run: Run,
    probe: str,
    arguments: Mapping[str, Any],
    folder: Path,
    on_row: OnRow = lambda partial: None,
    should_continue: Callable[[], bool] = lambda: True,
) -> bool:
    """True once the whole answer is written; False when it was stopped before."""
    compute = _provenance()
    kept, before = answers.read_partial(folder, compute) or (None, 0.0)
    started = saved = time.monotonic()
    for partial in probes.iter_answer(run, probe, arguments, kept):
        now = time.monotonic()
        so_far = PartialAnswer(partial.done, partial.total, before + now - started, compute)
        on_row(so_far)
        if partial.done == partial.total:
            break
        stop = not should_continue()
        if stop or now - saved > KEEP_SECONDS:
            answers.write_partial(folder, partial.arrays, so_far)
            saved = now
        if stop:
            return False
    requested = {"run": run.name, "probe": probe, "arguments": dict(arguments)}
    how = compute.to_dict() | {"seconds": round(so_far.seconds, 3)}
    answers.write_answer(folder, ProbeAnswer({**partial.facts, **requested, "how": how}, partial.arrays))
    return True


@functools.cache
def _provenance() -> ComputeConfig:
    """Device, versions and commit: of the source as it was when this process began to answer."""
    facts = {"device": "cpu", **devices.provenance("cpu"), "commit": commit()}
    return ComputeConfig.from_dict(facts)
