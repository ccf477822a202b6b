"""Arms of studies: named nets at a budget, changed in a setting or two, one for each seed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence

from resnet_edu.experiment import Experiment, Net, budgets

SEEDS = (0, 1, 2)


def named(budget: str, name: str, **changes: object) -> Net:
    """The net of this name, as wide as the budget makes it, with `changes` in it; raises `SpecError`."""
    return dataclasses.replace(_usual(budget, name), **changes)  # type: ignore[arg-type]


@functools.cache
def _usual(budget: str, name: str) -> Net:
    """Cached: the ledger makes the arms of all studies, and reading a name takes a millisecond."""
    return budgets.at(budget, name).net


def each_seed(budget: str, nets: Iterable[Net | str], seeds: Sequence[int]) -> list[Experiment]:
    """Every net at every seed, nets of one seed side by side."""
    chosen = [named(budget, net) if isinstance(net, str) else net for net in nets]
    return [budgets.at(budget, net, seed) for seed in dict.fromkeys(seeds) for net in chosen]
