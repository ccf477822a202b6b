"""Which worker processes run, and when: submit, cancel, ask. A folder is the queue; no torch here.

`SHELF/.queue/` holds one file per wish (see `queue`). Workers are detached processes; at most one trains
on a core, or a few on a GPU. More answer questions, quick, slow and long ones apart, so that nobody waits
for an answer of seconds behind one of minutes. A worker claims a wish by the lock of its run or answer,
which the system releases if the worker dies, so that another one takes it up where it was. Whoever
submits or asks may go away. The arms of a study can go to the workers of an executor instead, on this
machine or others: see `cluster`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from filelock import Timeout

from resnet_edu import host
from resnet_edu.experiment import Experiment, ImageFolder
from resnet_edu.experiment.folder import resolved
from resnet_edu.jobs import cluster, pool, queue
from resnet_edu.runs import Run, Shelf, answers
from resnet_edu.runs.answers import AnswerProgress

TRAIN_REMOTE = "resnet_edu.workers.remote:train"
"""What the workers of an executor run. The desk knows it by name alone, as it knows worker processes by
their command line, so that neither submitting nor watching imports torch."""


def submit(
    experiment: Experiment,
    shelf: Shelf | None = None,
    *,
    again: bool = False,
    every_step: bool = False,
    checkpoints: int = 1,
    threads: Sequence[int] = (1,),
) -> Run:
    """Have the experiment trained; returns its run at once, to be watched.

    An unfinished run is continued and a finished one is left as it is: the same experiment
    submitted twice is trained once. `again` asks for a new attempt if the newest has ended well.
    A folder of images is read, to be named by its content. Among the numbers of `threads` a run that is
    long enough takes the quickest on a CPU.
    """
    shelf, experiment = shelf or Shelf(), resolved(experiment)
    latest = shelf.latest(experiment)
    complete = latest is not None and latest.status().complete
    run = shelf.place(experiment, again=again and complete)
    if (not complete or again) and (run.stopping() or not run.busy()):
        run.queue()
        recording = {"every_step": every_step, "checkpoints": checkpoints}
        queue.enqueue(shelf, run.name, {"run": run.name, "recording": recording, "threads": list(threads)})
    pool.start_workers(shelf)
    return run


def submit_all(
    experiments: Iterable[Experiment],
    shelf: Shelf | None = None,
    *,
    again: bool = False,
    executor: Executor | None = None,
) -> list[Run]:
    """Submit the arms of a study, in order. `again` makes new attempts once all arms have ended.

    Each trains on one core, or on its share of the cores where there are fewer arms than cores. With an
    `executor` its workers train them, as long as this process lives (see `cluster`).
    """
    shelf, experiments = shelf or Shelf(), [_resolved(each, executor) for each in experiments]
    newest = [shelf.latest(experiment) for experiment in experiments]
    again = again and all(run is not None and run.status().complete for run in newest)
    depths = [e.net.depth for e in experiments]
    extremes = min(depths, default=0), max(depths, default=0)
    kept = [8 if e.net.depth in extremes else 1 for e in experiments]
    if executor is not None:
        runs = [shelf.place(experiment, again=again) for experiment in experiments]
        told = [{"every_step": False, "checkpoints": n} for n in kept]
        cluster.send(list(zip(runs, told, strict=True)), executor, partial(_call, TRAIN_REMOTE))
        return runs
    share = host.cores() // max(1, len(experiments))
    threads = (1, share) if share > 1 else (1,)
    return [
        submit(e, shelf, again=again, checkpoints=n, threads=threads)
        for e, n in zip(experiments, kept, strict=True)
    ]


def _call(name: str, *arguments: Any) -> Any:
    """Call the function of this name; runs where the executor's worker is."""
    return resolve_name(name)(*arguments)


def _resolved(experiment: Experiment, executor: Executor | None) -> Experiment:
    """A folder of images gets its digest; one that has it need not be here for an executor's workers."""
    known = isinstance(experiment.data, ImageFolder) and bool(experiment.data.digest)
    return experiment if known and executor is not None else resolved(experiment)


def cancel(run: Run) -> None:
    """Take a waiting run out of the queue; ask a running one to stop after its present steps."""
    queue.remove(queue.path_of(run.path.parent, run.name))
    run.stop()


def cancel_all(runs: Iterable[Run]) -> None:
    for run in runs:
        if not run.status().ended:
            cancel(run)


def ask(run: Run, probe: str, *, asker: str = "", **arguments: Any) -> Path:
    """The folder with the probe's answer, asked of a worker if it is not there yet.

    The answer is complete once `answer.json` stands in the folder; `read_answer` reads it. `asker` is
    who may withdraw the question, by default this process. Answers that ship with a run are found;
    new answers of such a read-only run are kept on the user's shelf. Arguments left out take the
    probe's defaults, and make another question than the same written out. An error is asked about
    anew after half a minute.
    """
    folder = answers.answer_folder(run, probe, arguments)
    answers.forget_error(folder)
    if not answers.answered(folder):
        shelf = Shelf(folder.parents[2])
        folder.mkdir(parents=True, exist_ok=True)
        wish = {"path": str(run.path), "folder": str(folder), "probe": probe, "arguments": arguments}
        queue.enqueue(shelf, _answer_name(folder), wish, _asker(asker))
        pool.start(shelf, queue.queue_for(probe))
    return folder


def stand_by(shelf: Shelf | None = None) -> None:
    """Have the worker for quick answers there before somebody asks: it takes seconds to start."""
    pool.start(shelf or Shelf(), queue.ANSWERS)


def attended(folder: Path) -> bool:
    """A worker is there that sees to such questions, be it busy with others before this one."""
    try:
        with pool.slot_lock(Shelf(folder.parents[2]), queue.queue_for(folder.name.rsplit("-", 1)[0])):
            return False
    except Timeout:
        return True


def withdraw(folder: Path, asker: str = "") -> None:
    """`asker` does not want this answer any more: a reader has moved the slider on. If nobody else
    does, it leaves the queue; where a long one is being computed, that stops and keeps its rows."""
    queue.withdraw(_answer_wish(folder), _asker(asker))


def supersede(before: Iterable[Path], now: Iterable[Path], asker: str = "") -> None:
    """`asker` wants `now` instead of what was asked `before`. The new questions take the place in the queue
    that the old ones held, so that two readers who move their sliders all the time get answers in turn."""
    places = [queue.withdraw(_answer_wish(folder), _asker(asker)) for folder in before]
    if held := [place for place in places if place is not None]:
        for folder in now:
            queue.advance(_answer_wish(folder), min(held))


def cancel_answer(folder: Path) -> None:
    """As `withdraw`, whoever wants it. Asking again goes on where it stopped."""
    queue.remove(_answer_wish(folder))


def answer_progress(folder: Path) -> AnswerProgress:
    """How far an answer is, and how long it will still take."""
    return answers.progress_of(folder, waits=_answer_wish(folder).exists())


def _answer_name(folder: Path) -> str:
    return f"probe-{folder.parents[1].name}-{folder.name}"


def _answer_wish(folder: Path) -> Path:
    return queue.path_of(folder.parents[2], _answer_name(folder))


def _asker(asker: str) -> str:
    return asker or f"process {os.getpid()}"
