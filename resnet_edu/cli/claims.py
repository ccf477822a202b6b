"""`resnet-edu claims`: what books say of residual nets, and what the runs say of that."""

from __future__ import annotations

import argparse
import itertools

from rich.markup import escape

from resnet_edu import studies
from resnet_edu.cli.common import Commands, add_shelf, console, shelf_of
from resnet_edu.experiment import budgets
from resnet_edu.studies import Entry


def add(commands: Commands) -> None:
    claims = commands.add_parser("claims", help="what is claimed about residual nets, and each verdict")
    claims.add_argument("--budget", choices=budgets.BUDGETS, help="verdicts at this budget only")
    claims.add_argument("--long", action="store_true", help="each verdict's sentence too, with its numbers")
    add_shelf(claims)
    claims.set_defaults(run=_claims)


def _claims(options: argparse.Namespace) -> int:
    entries = studies.ledger_of(shelf_of(options), options.budget)
    for claim, rows in itertools.groupby(entries, key=lambda entry: entry.claim):
        console.print(
            f"{claim.number:>2}  {escape(claim.sentence)} ({escape(claim.said_by)})", soft_wrap=True
        )
        for entry in rows:
            console.print(f"    {_line(entry)}", soft_wrap=True)
            if options.long and entry.verdict is not None:
                console.print(f"      {escape(entry.verdict.sentence)}", soft_wrap=True)
    if "" in {entry.budget for entry in entries if entry.study}:
        console.print("\nWhat is not run yet: `resnet-edu study NAME`, or `resnet-edu study all`.")
    return 0


def _line(entry: Entry) -> str:
    """'supported  minute  +83.9 (+76 … +91.8) points: training error … [degradation]'."""
    effects = entry.verdict.effects if entry.verdict is not None else ()
    shown = f"  {effects[0].label}: {effects[0].short}" if effects else ""
    name = f"  study {entry.study}" if entry.study else ""
    return f"[bold]{entry.word}[/bold]" + escape(
        f"{f'  at {entry.budget}' * bool(entry.budget)}{shown}{name}"
    )
