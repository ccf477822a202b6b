"""`resnet-edu study` and `resnet-edu demo`: train the arms of studies, ask their nets, and print verdicts."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.live import Live
from rich.text import Text

from resnet_edu import jobs, studies
from resnet_edu.cli.asking import ask_all, errors
from resnet_edu.cli.common import (
    Commands,
    add_data_dir,
    add_shelf,
    clock,
    gentle_interrupt,
    last_error,
    print_table,
    shelf_of,
    use_data_dir,
)
from resnet_edu.cli.terminal import console, heading
from resnet_edu.experiment import Experiment, budgets
from resnet_edu.experiment.spec import SpecError
from resnet_edu.jobs import pool, queue
from resnet_edu.jobs.cluster import Cluster
from resnet_edu.runs import Progress, Run, RunError, Shelf, progress
from resnet_edu.studies import Study

POLL_SECONDS = 0.3
ALL = "all"


def add(commands: Commands) -> None:
    study = commands.add_parser("study", help="train a study's arms and give its verdict")
    study.add_argument(
        "name", choices=(*studies.names(), ALL), help="which question, or all that fit a budget"
    )
    study.add_argument("--budget", default="minute", choices=budgets.BUDGETS)
    study.add_argument("--depths", type=_numbers, metavar="N,N", help="default: the budget's own")
    study.add_argument("--seeds", type=_numbers, metavar="N,N", help="default: the study's own, mostly 0,1,2")
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
    chosen = _chosen(options)
    arms = {study.name: _arms(study, options) for study in chosen}
    trained = {arm.key: arm for study in chosen if study.trained for arm in arms[study.name]}
    for study in chosen if len(chosen) == 1 else ():
        heading(study.title)
        console.print(f"{study.claim} ({study.source})")
    if len(chosen) > 1:
        heading(f"{len(chosen)} studies", "; an arm that several need is trained once.")
    trainings = _train(list(trained.values()), options)
    if trainings is None:
        console.print("Stopped. The same command resumes it.")
        return 130
    runs = {study.name: _runs(study, arms[study.name], trainings, options) for study in chosen}
    if not ask_all([(study, runs[study.name]) for study in chosen]):
        console.print("Stopped. The same command resumes it.")
        return 130
    for study in chosen:
        _show(study, runs[study.name], titled=len(chosen) > 1)
    incomplete = [(run.name, *problem) for run in trainings.values() if (problem := _problem(run))]
    for name, state, said in incomplete:
        console.print(Text.assemble((state, "red"), f" {name}: {said}"))
    wrong = {folder: said for study in chosen for folder, said in errors(study, runs[study.name])}
    for folder, said in wrong.items():
        place = f"{folder.parents[1].name} {folder.name}"
        console.print(Text.assemble(("no answer", "red"), f" {place}: {said}"))
    return 1 if incomplete or wrong else 0


def _chosen(options: argparse.Namespace) -> list[Study]:
    """The study of this name, which must have arms at this budget; or all that have."""
    if options.name == ALL:
        every = [studies.get(name) for name in studies.names()]
        return [study for study in every if options.budget in study.budgets]
    study = studies.get(options.name)
    study.check_budget(options.budget)
    return [study]


def _arms(study: Study, options: argparse.Namespace) -> list[Experiment]:
    seeds = study.seeds if options.seeds is None else options.seeds
    if not seeds and study.seeds:
        raise SpecError("seeds is empty; give one or more, such as 0,1,2")
    if options.depths is None:
        return study.arms(options.budget, seeds=seeds)
    if not study.by_depth:
        raise SpecError(f"leave out depths: the study {study.name} has depths of its own")
    return study.arms(options.budget, seeds=seeds, depths=options.depths)


def _train(arms: list[Experiment], options: argparse.Namespace) -> dict[str, Run] | None:
    """The runs of all arms by key, once they have ended; None if the user stopped them."""
    if not arms:
        console.print("Nothing is trained.")
        return {}
    with _cluster(options) as cluster:
        console.print(f"{len(arms)} trainings at the budget '{options.budget}', {_at_once(arms, cluster)}.\n")
        runs = jobs.submit_all(arms, shelf_of(options), again=options.again, executor=cluster)
        kept = [run.name for run in runs if run.status().complete]
        if kept:
            console.print(f"{len(kept)} of them are trained already and are kept; --again trains all again.")
        completed = _watch(runs, shelf_of(options), cluster)
    return {arm.key: run for arm, run in zip(arms, runs, strict=True)} if completed else None


def _runs(
    study: Study, arms: list[Experiment], trainings: dict[str, Run], options: argparse.Namespace
) -> list[Run]:
    """The runs that the study measures; nets at their start get a folder each."""
    if study.trained:
        return [trainings[arm.key] for arm in arms]
    shelf = study.shelf(shelf_of(options))
    return [shelf.get_or_create(arm) for arm in arms]


def _show(study: Study, runs: list[Run], *, titled: bool) -> None:
    measured = study.measure(runs)
    console.print()
    if titled:
        heading(study.title)
        console.print(study.claim)
    else:
        print_table(studies.shown(study.summary(measured)), "Mean ± sd over seeds")
        console.print()
    verdict = study.verdict(measured)
    console.print(Text.assemble((verdict.word, "bold"), f": {verdict.sentence}"))


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
        + (f"  {status.message}" if status.message else "")
    )
