"""`resnet-edu surface NAME`: the loss around a trained net, computed in this process; it can be resumed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from resnet_edu.cli.common import (
    Commands,
    add_data_dir,
    add_moved_data,
    add_shelf,
    gentle_interrupt,
    moved,
    path,
    print_table,
    shelf_of,
    use_data_dir,
)
from resnet_edu.cli.interrupts import exit_on_interrupt
from resnet_edu.cli.terminal import console, heading, say
from resnet_edu.runs import Run, RunError, Shelf, answers, recorded
from resnet_edu.runs.answers import PartialAnswer, answered, pack_answer

SLICES = {
    "plane": "two random directions, each filter moved by its own norm (Li 2018)",
    "line": "one such direction",
    "interpolation": "from the initial weights to the trained ones (Goodfellow 2015)",
}
SETTINGS: dict[str, tuple[type, str, str]] = {
    "points": (int, "N", "along each direction, odd (default: 25 on a plane, 101 on a line, 21 on the way)"),
    "span": (float, "S", "from −S to S (default: 1)"),
    "images": (int, "N", "the first N training images (default: 500)"),
    "seed": (int, "N", "of the directions (default: 0)"),
    "statistics": (
        str,
        "WHICH",
        "running: of the trained weights (default, but for --interpolation); or batch",
    ),
}


def add(commands: Commands) -> None:
    surface = commands.add_parser("surface", help="the loss around a trained net: a plane or a line")
    surface.add_argument("name", help="the run's name, or a part of it that no other has")
    which = surface.add_mutually_exclusive_group()
    for probe, text in SLICES.items():
        which.add_argument(f"--{probe}", dest="slice", action="store_const", const=probe, help=text)
    for name, (kind, metavar, text) in SETTINGS.items():
        surface.add_argument(f"--{name}", type=kind, metavar=metavar, help=text)
    surface.add_argument("--recorded", action="store_true", help="a run that ships with the package")
    surface.add_argument("--into", type=path, metavar="DIR", help="copy the answer to the run of that shelf")
    add_shelf(surface)
    add_data_dir(surface)
    add_moved_data(surface)
    surface.set_defaults(run=_surface, slice="plane")


def _surface(options: argparse.Namespace) -> int:
    run = (recorded() if options.recorded else shelf_of(options)).find(options.name)
    run = moved(run, options)
    probe = f"loss_{options.slice}"
    given = {name: getattr(options, name) for name in SETTINGS}
    arguments = {name: value for name, value in given.items() if value is not None}
    if options.slice == "interpolation":
        arguments["start"] = run.experiment.seed
    folder = _computed(run, probe, arguments, options)
    if not answered(folder):
        console.print("The same command resumes it.")
        return 130
    _print_facts(answers.read_answer(folder).facts)
    say(folder)
    if options.into:
        say(pack_answer(folder, Shelf(options.into).find(run.name)))
    return 0


def _computed(run: Run, probe: str, arguments: dict[str, Any], options: argparse.Namespace) -> Path:
    """The answer's folder; the answer is there unless the user pressed Ctrl-C."""
    folder = answers.answer_folder(run, probe, arguments)
    if answered(folder) and answers.read_answer(folder).error is None:
        return folder
    with exit_on_interrupt():  # torch takes seconds
        from resnet_edu.workers.answer import answer_run

    use_data_dir(options)
    rows, left = TextColumn("{task.description}", markup=False), TextColumn("left")
    columns = (BarColumn(), rows, TimeElapsedColumn(), left, TimeRemainingColumn())
    with (
        gentle_interrupt("Stopping after the present column; Ctrl-C again stops at once.") as should_continue,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("starting", total=None)

        def on_row(so_far: PartialAnswer) -> None:
            done, total = so_far.done, so_far.total
            progress.update(task, description=f"{done}/{total} columns", completed=done, total=total)

        try:
            return answer_run(run, probe, arguments, on_row=on_row, should_continue=should_continue)
        except ValueError as error:
            raise error if isinstance(error, RunError) else RunError(str(error)) from None


def _print_facts(facts: dict[str, Any]) -> None:
    import pandas as pd

    rows = {name: value for name, value in facts.items() if name not in ("how", "arguments", "probe", "run")}
    how = facts["how"]
    heading(facts["run"], f"  {facts['probe']}, {how['seconds']:.1f} s")
    print_table(pd.DataFrame({"what": list(rows), "": [_shown(value) for value in rows.values()]}))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_shown(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
