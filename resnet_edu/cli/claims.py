"""`resnet-edu claims`: what books say of residual nets, and what the runs say of that."""

from __future__ import annotations

import argparse
import itertools

from resnet_edu import studies
from resnet_edu.cli.common import Commands, add_shelf, shelf_of
from resnet_edu.cli.terminal import heading, say
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
        say(f"{claim.number:>2}  {claim.sentence} ({claim.said_by})")
        for entry in rows:
            heading(f"    {entry.word}", _rest(entry))
            if options.long and entry.verdict is not None:
                say(f"      {entry.verdict.sentence}")
    if "" in {entry.budget for entry in entries if entry.study}:
        say("\nWhat is not run yet: `resnet-edu study NAME`, or `resnet-edu study all`.")
    return 0


def _rest(entry: Entry) -> str:
    """'  at minute  training error: +83.9 (+76 … +91.8) points  study degradation'."""
    effects = entry.verdict.effects if entry.verdict is not None else ()
    shown = f"  {effects[0].label}: {effects[0].short}" if effects else ""
    name = f"  study {entry.study}" if entry.study else ""
    return f"{f'  at {entry.budget}' * bool(entry.budget)}{shown}{name}"
