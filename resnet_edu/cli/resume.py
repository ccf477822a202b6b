"""`resnet-edu resume NAME` trains a stopped run on; `resnet-edu stop NAME` stops one that trains."""

from __future__ import annotations

import argparse
import time

from resnet_edu import jobs
from resnet_edu.cli.common import Commands, add_moved_data, add_shelf, moved, shelf_of
from resnet_edu.cli.running import add_running, all_processes, follow, request_of, result, run_to_end
from resnet_edu.cli.terminal import say, waiting
from resnet_edu.runs import Run, RunError, Shelf

POLL_SECONDS = 0.1


def add(commands: Commands) -> None:
    add_resume(commands)
    stop = commands.add_parser("stop", help="stop trainings that other processes do; `resume` continues them")
    stop.add_argument("names", nargs="*", metavar="NAME", help="runs' names, or parts that no others have")
    stop.add_argument("--all", action="store_true", help="all that train or wait")
    add_shelf(stop)
    stop.set_defaults(run=_stop, parser=stop)


def add_resume(commands: Commands) -> None:
    """`resnet-edu resume NAME`, which is `resnet-edu runs resume NAME` too."""
    resume = commands.add_parser(
        "resume",
        help="train a stopped run on",
        description="Train a stopped run on, computed and recorded as it was begun. A flag changes that from "
        "here on, and the run's how.json notes at which step.",
    )
    resume.add_argument("name", help="the run's name, or a part of it that no other has")
    add_moved_data(resume)
    add_running(resume)
    resume.set_defaults(run=_resume)


def _resume(options: argparse.Namespace) -> int:
    with all_processes(options) as processes:
        if processes.rank:
            return follow(options, processes)
        request = request_of(options, processes)
        run = shelf_of(options).find(options.name)
        processes.batch_split(run.experiment.recipe.batch)
        if run.status().complete:
            raise RunError(f"{run.name} is {run.status().state}; there is nothing to resume")
        return run_to_end(moved(run, options), request, processes)


def _stop(options: argparse.Namespace) -> int:
    shelf = shelf_of(options)
    if options.all == bool(options.names):
        options.parser.error("which one? a run's name, or --all")
    runs = _active(shelf) if options.all else [shelf.find(name) for name in options.names]
    for run in runs:
        if not (jobs.queued(run) or _trains(run)):
            raise RunError(f"{run.name} is {run.status().state}; there is nothing to stop")
    for run in runs:
        jobs.cancel(run)
    with waiting("Waiting until the present steps are done …"):
        while any(run.busy() for run in runs):
            time.sleep(POLL_SECONDS)
    say(*(f"{run.name}: {result(run)}" for run in runs))
    if not runs:
        say(f"No training runs or waits in {shelf.path}.")
    return 0


def _active(shelf: Shelf) -> list[Run]:
    return [run for run in shelf.runs() if jobs.queued(run) or _trains(run)]


def _trains(run: Run) -> bool:
    try:
        return run.status().state in ("queued", "running")
    except RunError:  # its files are damaged; a process may train it nevertheless
        return run.busy()
