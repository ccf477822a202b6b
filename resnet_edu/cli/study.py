"""`resnet-edu study` and `resnet-edu demo`: train a study's arms, and print its verdict."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.live import Live
from rich.markup import escape

from resnet_edu import jobs, studies
from resnet_edu.cli.common import (
    Commands,
    add_data_dir,
    add_shelf,
    clock,
    console,
    gentle_interrupt,
    last_error,
    print_table,
    shelf_of,
    use_data_dir,
)
from resnet_edu.experiment import Experiment, budgets
from resnet_edu.experiment.spec import SpecError
from resnet_edu.jobs import pool, queue
from resnet_edu.jobs.cluster import Cluster
from resnet_edu.runs import Progress, Run, RunError, Shelf, progress

POLL_SECONDS = 0.3


def add(commands: Commands) -> None:
    study = commands.add_parser("study", help="train a study's arms and give its verdict")
    study.add_argument("name", choices=studies.names(), help="which question")
    study.add_argument("--budget", default="minute", choices=budgets.BUDGETS)
    study.add_argument("--depths", type=_numbers, metavar="N,N", help="default: the budget's own")
    study.add_argument("--seeds", type=_numbers, default=(0, 1, 2), metavar="N,N", help="default: 0,1,2")
    study.add_argument("--again", action="store_true", help="train again what is trained already")
    study.add_argument(
        "--cluster",
        metavar="tcp://HOST:PORT",
        help="train on this Dask cluster, each worker with its own data sets (default: on this machine)",
    )
    add_shelf(study)
    add_data_dir(study)
    study.set_defaults(run=_study)
    demo = commands.add_parser("demo", help="the degradation study at the budget `minute`, trained now")
    add_shelf(demo)
    add_data_dir(demo)
    demo.set_defaults(
        run=_study,
        name="degradation",
        budget="minute",
        depths=None,
        seeds=(0, 1, 2),
        again=True,
        cluster=None,
    )


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: whole numbers separated by commas, such as 8,20,56"
        ) from None


def _study(options: argparse.Namespace) -> int:
    study = studies.get(options.name)
    if not options.seeds:
        raise SpecError("seeds is empty; give one or more, such as 0,1,2")
    arms = study.arms(options.budget, seeds=options.seeds, depths=options.depths)
    console.print(f"[bold]{study.title}[/bold]\n{study.claim} ({study.source})")
    with _cluster(options) as cluster:
        console.print(f"{len(arms)} trainings at the budget '{options.budget}', {_at_once(arms, cluster)}.\n")
        runs = jobs.submit_all(arms, shelf_of(options), again=options.again, executor=cluster)
        kept = [run.name for run in runs if run.status().complete]
        if kept:
            console.print(f"{len(kept)} of them are trained already and are kept; --again trains all again.")
        completed = _watch(runs, shelf_of(options), cluster)
    if not completed:
        console.print("Stopped. The same command resumes it.")
        return 130
    measured = study.measure(runs)
    console.print()
    print_table(studies.shown(study.summary(measured)), "Mean ± sd over seeds")
    verdict = study.verdict(measured)
    console.print(f"\n[bold]{verdict.word}[/bold]: {verdict.sentence}")
    incomplete = [(run.name, *problem) for run in runs if (problem := _problem(run))]
    for name, state, sentence in incomplete:
        console.print(f"[red]{state}[/red] {name}: {escape(sentence)}")
    return 1 if incomplete else 0


def _problem(run: Run) -> tuple[str, str] | None:
    """State and sentence of a run that does not count."""
    try:
        status, _ = run.status(), run.evals()
    except RunError as error:
        return "damaged", str(error)
    if status.complete:
        return None
    log = run.path.parent / queue.QUEUE / "workers.log"
    died = f"its process died; {log} may say why" if status.state == "interrupted" else ""
    return status.state, status.message or died


@contextmanager
def _cluster(options: argparse.Namespace) -> Iterator[Cluster | None]:
    """The cluster of `--cluster`, or None for this machine's own workers."""
    if options.cluster is None:
        use_data_dir(options)
        yield None
        return
    if options.data_dir is not None:
        raise RunError("--data-dir is for this machine; a cluster's workers read their own RESNET_EDU_DATA")
    with Cluster(options.cluster) as cluster:
        yield cluster


def _slots(arms: Sequence[Experiment], cluster: Cluster | None) -> int:
    return jobs.slots(arms) if cluster is None else cluster.slots()


def _at_once(arms: Sequence[Experiment], cluster: Cluster | None) -> str:
    if cluster is None:
        return f"{jobs.slots(arms)} at a time"
    if cluster.slots():
        return f"{cluster.slots()} at a time on {cluster.address}"
    return f"once a worker joins {cluster.address}: dask worker {cluster.address}"


def _watch(runs: list[Run], shelf: Shelf, cluster: Cluster | None) -> bool:
    """Show the runs until all have ended; False if the user pressed Ctrl-C, which stops them all."""
    started, reported = time.monotonic(), set[str]()
    kept = (
        "their steps so far are kept" if cluster is None else "the steps that the cluster sent back are kept"
    )
    message = f"Stopping the trainings; {kept}."
    experiments = [run.experiment for run in runs]
    with gentle_interrupt(message) as should_continue, Live(console=console, refresh_per_second=4) as live:
        while True:
            # First, so that every run that it counts as ended is reported.
            at = progress(runs, side_by_side=_slots(experiments, cluster))
            for run in runs:
                if run.name not in reported and run.status().ended:
                    reported.add(run.name)
                    live.console.print(_ended(run))
            if console.is_terminal:
                live.update(_line(at, time.monotonic() - started))
            if at.ended == at.runs:
                return should_continue()
            if not should_continue():
                jobs.cancel_all(runs)
            elif cluster is None:
                pool.start_workers(shelf)  # in the place of any that died
            time.sleep(POLL_SECONDS)


def _line(at: Progress, elapsed: float) -> str:
    filled = round(30 * at.share)
    bar = "━" * filled + "╌" * (30 - filled)
    times = f"{clock(elapsed)}  left {clock(at.seconds_left)}"
    return f"{bar} {at.share:4.0%}  {at.ended}/{at.runs} trained  {times}"


def _ended(run: Run) -> str:
    status, experiment = run.status(), run.experiment
    text = f"{experiment.label:<12} seed {experiment.seed}  {status.state:<8} {status.seconds:6.1f} s"
    try:
        error = last_error(run)
    except RunError:
        error = "damaged"
    return (
        text
        + (f"  training error {error:>8}" if error else "")
        + (f"  {escape(status.message)}" if status.message else "")
    )
