"""Which worker processes run, and when: submit, cancel, ask. A folder is the queue; no torch here.

`SHELF/.queue/` holds one file per job (see `queue`). Workers are detached processes; at most one trains
on a core, or a few on a GPU. Others run probes, quick, slow and long ones apart, so that no answer of seconds
waits behind one of minutes. A worker claims a job by the lock of its run or answer, which the system releases
if the worker dies, so that another one resumes it. The process that submitted or asked may end meanwhile.
The arms of a study can go to the workers of an executor instead, on this machine or others: see `cluster`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from filelock import FileLock, Timeout

from resnet_edu import host
from resnet_edu.experiment import Experiment, ImageFolder
from resnet_edu.experiment.folder import left_out, resolved
from resnet_edu.jobs import cluster, limits, pool, queue
from resnet_edu.jobs.estimate import Estimate
from resnet_edu.jobs.limits import LimitError
from resnet_edu.runs import RecordingConfig, Run, Shelf, answers
from resnet_edu.runs.answers import AnswerProgress

TRAIN_REMOTE = "resnet_edu.workers.remote:train"
"""What the workers of an executor run. The desk knows it by name alone, as it knows worker processes by
their command line, so that neither submitting nor watching imports torch."""


def submit(
    experiment: Experiment,
    shelf: Shelf | None = None,
    *,
    again: bool = False,
    recording: RecordingConfig = RecordingConfig(),
    threads: Sequence[int] = (1,),
    client: str = "",
) -> Run:
    """Queue the experiment to be trained; returns its run at once, to be watched.

    An unfinished run is resumed and a finished one is left as it is: the same experiment submitted twice
    is trained once. An image folder is read here, to be named by its content; a warning says which of its
    files are not used.

    - `shelf`: where the run is; the user's own by default.
    - `again`: make a new attempt if the newest one is complete.
    - `recording`: what a new run records.
    - `threads`: numbers of CPU threads, of which a long run measures the fastest.
    - `client`: a visitor, whom the owner's limits hold (see `limits`); "" is the owner.

    Raises `LimitError` for what a visitor may not start.
    """
    shelf, experiment = shelf or Shelf(), resolved(experiment)
    if unused := left_out(experiment.data):
        warnings.warn(unused, stacklevel=2)
    with _checked([experiment], shelf, client):
        return _submit(experiment, shelf, again=again, recording=recording, threads=threads, client=client)


def _submit(
    experiment: Experiment,
    shelf: Shelf,
    *,
    again: bool,
    recording: RecordingConfig,
    threads: Sequence[int],
    client: str,
) -> Run:
    latest = shelf.latest(experiment)
    complete = latest is not None and latest.status().complete
    run = shelf.get_or_create(experiment, again=again and complete)
    if (not complete or again) and (run.stop_requested() or not run.busy()):
        run.queue()
        file = queue.train_job_file(run)
        job = queue.TrainJob(file=file, run=run.name, recording=recording, threads=tuple(threads))
        queue.put(job, client)
    pool.start_workers(shelf)
    return run


@contextmanager
def _checked(experiments: Sequence[Experiment], shelf: Shelf, client: str) -> Iterator[None]:
    """Holds a visitor to the owner's limits. Of two who click at once, the second is checked after the first
    one's jobs are in the queue."""
    if not client:
        yield
        return
    (shelf.path / queue.QUEUE).mkdir(parents=True, exist_ok=True)
    with FileLock(shelf.path / queue.QUEUE / "visitors.lock"):
        limits.check(experiments, shelf, client, limits.Limits.of_owner())
        yield


def expected(experiments: Sequence[Experiment], client: str, shelf: Shelf | None = None) -> Estimate:
    """What it takes to train these on this machine, for a page to show before the click. Raises `LimitError`
    for what `submit_all` would refuse this visitor."""
    return limits.check(experiments, shelf or Shelf(), client, limits.Limits.of_owner())


def submit_all(
    experiments: Iterable[Experiment],
    shelf: Shelf | None = None,
    *,
    again: bool = False,
    executor: Executor | None = None,
    client: str = "",
) -> list[Run]:
    """Submit the arms of a study, in order. `again` makes new attempts once all arms are complete.

    Each trains on one core, or on its share of the cores where there are fewer arms than cores. With an
    `executor` its workers train them, as long as this process lives (see `cluster`). `client` is as for
    `submit`: all of a visitor's arms are queued, or `LimitError` is raised.
    """
    shelf, experiments = shelf or Shelf(), [_resolved(each, executor) for each in experiments]
    newest = [shelf.latest(experiment) for experiment in experiments]
    again = again and all(run is not None and run.status().complete for run in newest)
    depths = [e.net.depth for e in experiments]
    extremes = min(depths, default=0), max(depths, default=0)
    recordings = [RecordingConfig(keep_weights=8 if e.net.depth in extremes else 1) for e in experiments]
    if executor is not None:
        runs = [shelf.get_or_create(experiment, again=again) for experiment in experiments]
        train = partial(_call, TRAIN_REMOTE)
        cluster.train_all(list(zip(runs, recordings, strict=True)), executor, train)
        return runs
    share = host.cores() // max(1, len(experiments))
    threads = (1, share) if share > 1 else (1,)
    with _checked(experiments, shelf, client):
        return [
            _submit(each, shelf, again=again, recording=recording, threads=threads, client=client)
            for each, recording in zip(experiments, recordings, strict=True)
        ]


def _call(
    name: str, archive: bytes, choices: cluster.Choices, recording: RecordingConfig, seconds: float
) -> cluster.Result:
    """Call the function of this name; runs where the executor's worker is."""
    train: cluster.Train = resolve_name(name)
    return train(archive, choices, recording, seconds)


def _resolved(experiment: Experiment, executor: Executor | None) -> Experiment:
    """An image folder gets its digest; with an executor, one that has it need not be on this machine."""
    known = isinstance(experiment.data, ImageFolder) and bool(experiment.data.digest)
    return experiment if known and executor is not None else resolved(experiment)


def cancel(run: Run) -> None:
    """Take a waiting run out of the queue; ask a running one to stop after its present steps."""
    queue.remove(queue.train_job_file(run))
    run.stop()


def queued(run: Run) -> bool:
    """Whether a job for training this run is in the queue: it waits, or a worker has it."""
    return queue.train_job_file(run).exists()


def cancel_all(runs: Iterable[Run]) -> None:
    """Cancel all that have not ended."""
    for run in runs:
        if not run.status().ended:
            cancel(run)


def ask(run: Run, probe: str, *, client: str = "", **arguments: Any) -> Path:
    """Queue a probe unless its answer is there; returns the answer's folder at once.

    The answer is whole once `answer.json` is in the folder; `read_answer` reads it. `client` is who waits
    for it and may `release` it, by default this process. `arguments` are the probe's own; leaving one out
    takes its default, and makes another answer than the same value written out. Answers that ship with a run
    are found; new answers of such a read-only run are kept on the user's shelf. An error is removed after
    half a minute, and the probe runs again. Raises `LimitError` where too many visitors' questions wait.
    """
    folder = answers.answer_folder(run, probe, arguments)
    answers.forget_error(folder)
    answers.mark_used(folder)
    if not answers.answered(folder):
        file = queue.probe_job_file(folder)
        if client and not file.exists() and queue.probes_waiting(folder) >= limits.MOST_PROBES:
            raise LimitError(f"{limits.MOST_PROBES:,} questions of visitors wait already: try again later")
        folder.mkdir(parents=True, exist_ok=True)
        # A worker may have been started in another working directory.
        path, place = run.path.absolute(), folder.absolute()
        job = queue.ProbeJob(file=file, path=path, folder=place, probe=probe, arguments=arguments)
        queue.put(job, client or _this_process())
        pool.start(Shelf(folder.parents[2]), queue.queue_for(probe))
    return folder


def prewarm(shelf: Shelf | None = None) -> None:
    """Start the worker for quick answers before it is needed: starting takes seconds."""
    pool.start(shelf or Shelf(), queue.QUICK)


def has_worker(folder: Path) -> bool:
    """True if a worker for this kind of probe is running, even if it is busy."""
    try:
        with pool.slot_lock(Shelf(folder.parents[2]), queue.queue_for(folder.name.rsplit("-", 1)[0])):
            return False
    except Timeout:
        return True


def release(folder: Path, client: str = "") -> None:
    """`client` no longer waits for this answer: a reader has moved the slider on. Without clients its job
    leaves the queue; a long answer that a worker is computing stops and keeps its rows."""
    queue.release(queue.probe_job_file(folder), client or _this_process())


def replace(before: Iterable[Path], now: Iterable[Path], client: str = "") -> None:
    """`client` waits for `now` instead of `before`. The new jobs take the place in the queue that the old
    ones had, so that two readers who keep moving their sliders get answers in turn."""
    client = client or _this_process()
    places = [queue.release(queue.probe_job_file(folder), client) for folder in before]
    if held := [place for place in places if place is not None]:
        for folder in now:
            queue.move_up(queue.probe_job_file(folder), min(held))


def cancel_answer(folder: Path) -> None:
    """Cancel a probe for all its clients. Asking again resumes it."""
    queue.remove(queue.probe_job_file(folder))


def answer_progress(folder: Path) -> AnswerProgress:
    """How far an answer is, and how long it will still take."""
    return answers.progress_of(folder, queued=queue.probe_job_file(folder).exists())


def _this_process() -> str:
    return f"process {os.getpid()}"
