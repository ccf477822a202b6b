"""What the subcommands share: the shelf, tables on a terminal, a gentle Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TypeAlias

import pandas as pd
from rich.table import Table
from rich.text import Text

from resnet_edu.cli import interrupts
from resnet_edu.cli.terminal import console, say
from resnet_edu.data.files import data_root
from resnet_edu.host import PathError, cache_folder, expanded
from resnet_edu.runs import Run, Shelf, with_folder

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where a module adds its subcommands."""


def path(text: str) -> Path:
    """The type of every flag that takes a path: ~ and $VARIABLES are replaced."""
    try:
        return expanded(text)
    except PathError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_shelf(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--shelf",
        type=path,
        metavar="DIR",
        help="folder of runs (default: RESNET_EDU_RUNS, else the user's data)",
    )


def add_data_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data-dir",
        type=path,
        metavar="DIR",
        help="folder of data sets (default: RESNET_EDU_DATA, else the cache)",
    )


def use_data_dir(options: argparse.Namespace) -> None:
    """Puts the folder into the environment, which worker processes inherit."""
    if options.data_dir is not None:
        os.environ["RESNET_EDU_DATA"] = str(options.data_dir.resolve())


def add_moved_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        type=lambda text: path(text.removeprefix("imagefolder:")),
        metavar="imagefolder:DIR",
        help="where the run's photographs are now, if their folder was moved",
    )


def moved(run: Run, options: argparse.Namespace) -> Run:
    """The run with its photographs where `--data` says; raises `DataMissing` if they are others."""
    return run if options.data is None else with_folder(run, options.data)


def shelf_of(options: argparse.Namespace) -> Shelf:
    return Shelf(options.shelf)


def elsewhere(error: Exception, options: argparse.Namespace) -> str:
    """Which flag and variable choose another folder, where the file system refused one; else ""."""
    if not isinstance(error, OSError) or not isinstance(error.filename, str | bytes | os.PathLike):
        return ""
    refused = Path(os.fsdecode(error.filename)).absolute()
    chosen: dict[str, Callable[[], Path]] = {"RESNET_EDU_CACHE": cache_folder}
    if hasattr(options, "data_dir"):
        chosen = {"--data-dir or RESNET_EDU_DATA": lambda: data_root(options.data_dir), **chosen}
    if hasattr(options, "shelf"):
        chosen = {"--shelf or RESNET_EDU_RUNS": lambda: Shelf(options.shelf).path, **chosen}
    for names, folder in chosen.items():
        with suppress(PathError):
            place = folder().absolute()
            if refused.is_relative_to(place) or place.is_relative_to(refused):
                return f"; {names} takes another folder"
    return ""


def last_error(run: Run, which: str = "train_error") -> str:
    """The newest evaluation's error, as text in %."""
    evals = run.evals()
    return "" if evals.empty else f"{evals[which].iloc[-1]:.2f} %"


def print_table(table: pd.DataFrame, title: str = "") -> None:
    shown = Table(
        title=title or None, title_justify="left", box=None, header_style="bold", padding=(0, 2, 0, 0)
    )
    for name in table.columns:
        shown.add_column(
            str(name),
            overflow="fold",
            justify="right" if pd.api.types.is_numeric_dtype(table[name]) else "left",
        )
    for row in table.itertuples(index=False):
        shown.add_row(*(Text(_cell(cell)) for cell in row))
    console.print(shown)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if value == 0 or 0.05 <= abs(value) < 1e4 else f"{value:.3g}"


def gentle_interrupt(
    message: str, *others: signal.Signals
) -> AbstractContextManager[interrupts.ShouldContinue]:
    """`interrupts.gentle_interrupt`, which prints `message` at the first signal."""
    return interrupts.gentle_interrupt(lambda: say("", message), *others)


def clock(seconds: float | None) -> str:
    """Seconds as 'm:ss'; '–:––' when not known yet."""
    return "–:––" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
