"""The types of a study: a claim and its source, arms to train, a measure over runs, a verdict by rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Protocol

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.runs import Status
from resnet_edu.studies.evidence import Evidence

WORDS = ("supported", "contradicted", "depends", "not settled at this budget", "exact", "quoted")


class Measured(Protocol):
    """What a study reads of a run: `resnet_edu.runs.Run` is one."""

    @property
    def name(self) -> str: ...
    @property
    def experiment(self) -> Experiment: ...
    def status(self) -> Status: ...
    def evals(self) -> pd.DataFrame: ...


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A word, a plain sentence with the numbers, and those numbers (plain data, JSON-ready)."""

    word: str
    sentence: str
    evidence: Evidence

    def __post_init__(self) -> None:
        if self.word not in WORDS:
            raise ValueError(f"verdict is {self.word!r}; allowed: {', '.join(WORDS)}")


@dataclasses.dataclass(frozen=True)
class Study:
    """One question: `arms(budget, seeds, depths)` → experiments; `measure(runs)` → a table with a row a
    run; `summary(table)` → mean, sd and n; `verdict(table)` → what the rule in the study's file says."""

    name: str
    title: str
    claim: str
    source: str
    arms: Callable[..., list[Experiment]]
    measure: Callable[[Iterable[Measured]], pd.DataFrame]
    summary: Callable[[pd.DataFrame], pd.DataFrame]
    verdict: Callable[[pd.DataFrame], Verdict]
