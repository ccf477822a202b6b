"""Joins bench and desk for questions: computes a probe's answer into its folder, in pieces that are kept."""

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
from resnet_edu.runs import Run, RunBusy, RunError, answers, files
from resnet_edu.training import devices

KEEP_SECONDS = 1.0
Watch = Callable[[int, int, float], None]


def answer_run(
    run: Run,
    probe: str,
    arguments: Mapping[str, Any],
    *,
    threads: int = 1,
    watch: Watch = lambda done, total, seconds: None,
    wanted: Callable[[], bool] = lambda: True,
) -> Path:
    """Compute the answer in this process, on from where it is; returns its folder. One thread is best for
    small nets, and what every worker has.

    Between two rows `watch` is told done, total and seconds; once `wanted()` is false, what there is is
    kept, and the same call goes on from there. An answer that is there already is left as it is, unless it
    is an error. Raises `RunBusy`, and `ValueError` for what cannot be asked or computed.
    """
    folder = answers.answer_folder(run, probe, arguments)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    try:
        with answers.answer_lock(folder).acquire(timeout=1):  # who asks how far it is holds it for an instant
            if not answers.answered(folder) or "error" in answers.read_answer(folder)[0]:
                (folder / answers.ANSWER).unlink(missing_ok=True)
                _compute(run, probe, arguments, folder, watch, wanted)
    except Timeout:
        raise RunBusy(f"{folder} is being computed by another process") from None
    return folder


def see_to(wish: Mapping[str, Any]) -> bool:
    """A worker's part: answer the wish, unless another process does. Errors are answers too."""
    folder, file = Path(wish["folder"]), wish["wish"]
    if not folder.exists():
        queue.fulfilled(wish)  # the run was removed
        return True
    try:
        with answers.answer_lock(folder):
            if not file.exists():
                return True  # taken back while others were seen to
            if answers.answered(folder) or _answered(wish, folder):
                queue.fulfilled(wish)
            return True
    except Timeout:
        return False


def _answered(wish: Mapping[str, Any], folder: Path) -> bool:
    """False when nobody wants it any more; what there is of it is kept."""
    try:
        if not queue.another_try(wish):
            raise RunError(f"given up after {queue.TRIES} tries: the process that computed it died each time")
        run = Run(wish["path"])
        return _compute(run, wish["probe"], wish["arguments"], folder, wanted=wish["wish"].exists)
    except (ValueError, OSError) as error:
        facts = {"error": str(error)}
    except Exception as error:
        traceback.print_exc()
        facts = {"error": f"{type(error).__name__} while computing this; the workers' log has more"}
    if folder.exists():  # else the run was removed meanwhile
        files.write_json(folder / answers.ANSWER, facts)
    return True


def _compute(
    run: Run,
    probe: str,
    arguments: Mapping[str, Any],
    folder: Path,
    watch: Watch = lambda done, total, seconds: None,
    wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """True once the whole answer is written; False when it was stopped before."""
    how = _how()
    kept, before = answers.read_partial(folder, how) or (None, 0.0)
    started = saved = time.monotonic()
    for partial in probes.answering(run, probe, arguments, kept):
        now = time.monotonic()
        seconds = before + now - started
        rows = {"done": partial.done, "total": partial.total}
        watch(partial.done, partial.total, seconds)
        if partial.done == partial.total:
            break
        stop = not wanted()
        if stop or now - saved > KEEP_SECONDS:
            answers.keep_partial(folder, partial.arrays, **rows, seconds=seconds, how=how)
            saved = now
        if stop:
            return False
    asked = {"run": run.name, "probe": probe, "arguments": dict(arguments)}
    told = {**asked, "how": how | {"seconds": round(seconds, 3)}}
    answers.write_answer(folder, partial.facts | told, partial.arrays)
    return True


@functools.cache
def _how() -> dict[str, Any]:
    """Device, versions and commit: of the source as it was when this process began to answer."""
    return {"device": "cpu", **devices.provenance("cpu"), "commit": commit()}
