"""`resnet-edu study` and `resnet-edu demo`: a question put to trained nets, answered by its rule."""

from __future__ import annotations

import argparse
import time

from rich.live import Live
from rich.markup import escape

from resnet_edu import budgets, jobs, studies
from resnet_edu.cli.common import (
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
from resnet_edu.runs import Run, progress
from resnet_edu.spec import SpecError

LOOK_SECONDS = 0.3


def add(commands) -> None:
    study = commands.add_parser("study", help="train a study's arms and give its verdict")
    study.add_argument("name", choices=studies.names(), help="which question")
    study.add_argument("--budget", default="minute", choices=budgets.BUDGETS)
    study.add_argument("--depths", type=_numbers, metavar="N,N", help="default: the budget's own")
    study.add_argument("--seeds", type=_numbers, default=(0, 1, 2), metavar="N,N", help="default: 0,1,2")
    study.add_argument("--again", action="store_true", help="train anew what has been trained before")
    add_shelf(study)
    add_data_dir(study)
    study.set_defaults(run=_study)
    demo = commands.add_parser("demo", help="the degradation study at the budget `minute`, trained now")
    add_shelf(demo)
    add_data_dir(demo)
    demo.set_defaults(
        run=_study, name="degradation", budget="minute", depths=None, seeds=(0, 1, 2), again=True
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
    console.print(f"{len(arms)} trainings at the budget '{options.budget}', {jobs.slots(arms)} at a time.\n")
    use_data_dir(options)
    runs = jobs.submit_all(arms, shelf_of(options), again=options.again)
    kept = [run.name for run in runs if run.status().complete]
    if kept:
        console.print(f"{len(kept)} of them were trained before and are kept; --again trains all anew.")
    if not _watch(runs):
        console.print("Stopped. The same command goes on where this one left off.")
        return 130
    measured = study.measure(runs)
    console.print()
    print_table(studies.shown(study.summary(measured)), "Mean ± sd over seeds")
    verdict = study.verdict(measured)
    console.print(f"\n[bold]{verdict.word}[/bold]: {verdict.sentence}")
    failed = [run for run in runs if run.status().state == "failed"]
    for run in failed:
        console.print(f"[red]failed[/red] {run.name}: {escape(run.status().message)}")
    return 1 if failed else 0


def _watch(runs: list[Run]) -> bool:
    """Show the runs until all have ended; False when somebody pressed Ctrl-C, which stops them all."""
    started, told = time.monotonic(), set()
    slots = jobs.slots([run.experiment for run in runs])
    message = "Stopping the trainings; what they have done is kept."
    with gentle_interrupt(message) as wanted, Live(console=console, refresh_per_second=4) as live:
        while True:
            at = progress(runs, side_by_side=slots)  # first, so that whoever is counted is told too
            for run in runs:
                if run.name not in told and run.status().ended:
                    told.add(run.name)
                    live.console.print(_ended(run))
            if console.is_terminal:
                live.update(_line(at, time.monotonic() - started))
            if at.ended == at.runs:
                return wanted()
            if not wanted():
                jobs.cancel_all(runs)
            time.sleep(LOOK_SECONDS)


def _line(at, elapsed: float) -> str:
    filled = round(30 * at.share)
    bar = "━" * filled + "╌" * (30 - filled)
    times = f"{clock(elapsed)}  left {clock(at.seconds_left)}"
    return f"{bar} {at.share:4.0%}  {at.ended}/{at.runs} trained  {times}"


def _ended(run: Run) -> str:
    status, experiment = run.status(), run.experiment
    said = f"{experiment.label:<12} seed {experiment.seed}  {status.state:<8} {status.seconds:6.1f} s"
    error = last_error(run)
    return (
        said
        + (f"  training error {error:>8}" if error else "")
        + (f"  {escape(status.message)}" if status.message else "")
    )
