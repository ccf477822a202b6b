"""What the subcommands share: the shelf, tables on a terminal, a gentle Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resnet_edu.cli import interrupts
from resnet_edu.runs import Run, Shelf

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where a module adds its subcommands."""

console = Console(highlight=False)


def add_shelf(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--shelf",
        type=Path,
        metavar="DIR",
        help="folder of runs (default: RESNET_EDU_RUNS, else the user's data)",
    )


def add_data_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder of data sets (default: RESNET_EDU_DATA, else the cache)",
    )


def use_data_dir(options: argparse.Namespace) -> None:
    """Puts the folder into the environment, which worker processes inherit."""
    if options.data_dir is not None:
        os.environ["RESNET_EDU_DATA"] = str(options.data_dir.resolve())


def shelf_of(options: argparse.Namespace) -> Shelf:
    return Shelf(options.shelf)


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
    return interrupts.gentle_interrupt(lambda: console.print(f"\n{message}"), *others)


def clock(seconds: float | None) -> str:
    """Seconds as 'm:ss'; '–:––' when not known yet."""
    return "–:––" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
