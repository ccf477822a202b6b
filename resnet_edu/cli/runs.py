"""`resnet-edu runs`: list, show, compare, remove, export and pack what was trained."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.text import Text

from resnet_edu.cli.common import Commands, add_shelf, last_error, path, print_table, shelf_of
from resnet_edu.cli.resume import add_resume
from resnet_edu.cli.terminal import console, heading, say
from resnet_edu.runs import Run, RunError, Shelf, export, pack, recorded
from resnet_edu.runs.export import FORMATS


def add(commands: Commands) -> None:
    runs = commands.add_parser("runs", help="list, show, compare, resume, remove, export runs")
    verbs = runs.add_subparsers(metavar="VERB", required=True)
    for verb, act, text, many in (
        ("list", _list, "all runs", None),
        ("show", _show, "one run: settings, how it was computed, evaluations", "one"),
        ("compare", _compare, "where runs differ, and their errors", "many"),
        ("remove", _remove, "delete runs", "many"),
        ("export", _export, "tables as CSV or Parquet", "many"),
        ("pack", _pack, "make finished runs small, to ship with the package", "many"),
    ):
        command = verbs.add_parser(verb, help=text)
        if many:
            command.add_argument(
                "names", nargs="+" if many == "many" else 1, help="names, or unambiguous parts"
            )
        _places(command)
        command.set_defaults(run=act)
    add_resume(verbs)
    verbs.choices["remove"].add_argument("--yes", action="store_true", help="do not ask")
    verbs.choices["export"].add_argument("--to", type=path, default=Path("."), metavar="DIR")
    verbs.choices["export"].add_argument("--format", default="csv", choices=FORMATS)
    verbs.choices["pack"].add_argument("--into", type=path, required=True, metavar="DIR")
    verbs.choices["pack"].add_argument(
        "--weights",
        default="none",
        metavar="none|last|all|N",
        help="how many of the kept ones, in half precision",
    )


def _places(command: argparse.ArgumentParser) -> None:
    add_shelf(command)
    command.add_argument("--recorded", action="store_true", help="the runs that ship with the package")


def _shelf(options: argparse.Namespace) -> Shelf:
    return recorded() if options.recorded else shelf_of(options)


def _chosen(options: argparse.Namespace) -> list[Run]:
    shelf = _shelf(options)
    found = [shelf.find(name) for name in options.names]
    return list({run.path: run for run in found}.values())  # no run twice


def _list(options: argparse.Namespace) -> int:
    shelf = _shelf(options)
    if runs := shelf.runs():
        _print_rows(runs)
    else:
        say(f"No runs in {shelf.path} yet. `resnet-edu demo` makes some in a minute.")
    return 0


def _print_rows(runs: Sequence[Run], settings: pd.DataFrame | None = None) -> None:
    """A table with one row per run, joined with `settings` by name; below it, what is damaged."""
    rows, damage = zip(*map(_row, runs), strict=True)
    table = pd.DataFrame(rows)
    print_table(table if settings is None else table.join(settings, on="run"))
    for sentence in filter(None, damage):
        console.print(Text.assemble(("damaged", "red"), f" {sentence}"), soft_wrap=True)


def _row(run: Run) -> tuple[dict[str, str], str]:
    """The run's row, and what is damaged, if anything is."""
    row = {"run": run.name, "state": "damaged", "step": "", "train error": "", "test error": ""}
    try:
        status = run.status()
        row["step"] = f"{status.step}/{status.steps}"
        row |= {"train error": last_error(run), "test error": last_error(run, "test_error")}
    except RunError as error:
        return row, str(error)
    return row | {"state": status.state}, ""


def _show(options: argparse.Namespace) -> int:
    run = _chosen(options)[0]
    status = run.status()
    step = f"step {status.step} of {status.steps}"
    heading(run.name, f"  {status.state}, {step}  {status.message}")
    say(run.path, "")
    settings = {name: str(value) for name, value in run.experiment.to_query().items()}
    compute = run.compute.to_dict() if run.compute else {}
    how = {name: str(value) for name, value in compute.items() if name != "layers"}
    for title, facts in (("Experiment (defaults left out)", settings), ("How it was computed", how)):
        print_table(pd.DataFrame(facts.items(), columns=[title, ""]))
        console.print()
    print_table(run.evals(), "Evaluations: errors in %, losses in nats")
    return 0


def _compare(options: argparse.Namespace) -> int:
    runs = _chosen(options)
    settings = pd.DataFrame([_settings(run) for run in runs], index=[run.name for run in runs])
    _print_rows(runs, settings.loc[:, settings.nunique(dropna=False) > 1].fillna("default"))
    return 0


def _settings(run: Run) -> dict[str, str]:
    try:
        return run.experiment.to_query()
    except RunError:
        return {}  # the row says that it is damaged


def _remove(options: argparse.Namespace) -> int:
    runs, shelf = _chosen(options), _shelf(options)
    say(*(run.name for run in runs))
    if not options.yes and not _agreed(f"Remove {len(runs)} from {shelf.path}? (y/N) "):
        console.print("Nothing was removed.")
        return 1
    for run in runs:
        shelf.remove(run)
    return 0


def _agreed(question: str) -> bool:
    try:
        return console.input(question, markup=False, emoji=False).lower() == "y"
    except EOFError:  # standard input is closed
        return False


def _export(options: argparse.Namespace) -> int:
    damage = []
    for run in _chosen(options):
        try:
            say(*export(run, options.to, options.format))
        except RunError as error:  # the others are exported
            damage.append(str(error))
    if damage:
        raise RunError("\n".join(damage))
    return 0


def _pack(options: argparse.Namespace) -> int:
    for run in _chosen(options):
        say(pack(run, options.into, weights=options.weights).path)
    return 0
