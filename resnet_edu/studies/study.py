"""The types of a study: a claim and its source, arms, questions to their nets, a measure, a verdict by
rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.experiment.spec import SpecError
from resnet_edu.runs import Run, Shelf, Status, answers
from resnet_edu.runs.answers import ProbeAnswer
from resnet_edu.studies.effects import UNSETTLED, Effect
from resnet_edu.studies.evidence import Evidence

WORDS = ("supported", "contradicted", "depends", UNSETTLED, "exact", "quoted")
STARTS = "starts"


class Measured(Protocol):
    """What a study reads of a run: `resnet_edu.runs.Run` is one."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def experiment(self) -> Experiment: ...
    def status(self) -> Status: ...
    def steps(self) -> pd.DataFrame: ...
    def evals(self) -> pd.DataFrame: ...
    def units(self) -> pd.DataFrame: ...


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the rule says.

    - `word`: one of `WORDS`.
    - `sentence`: the verdict with its numbers, in plain words.
    - `evidence`: the numbers of the degradation study, plain data; empty for all others.
    - `effects`: what was compared, each with its bounds. The first one is the study's main number.
    """

    word: str
    sentence: str
    evidence: Evidence
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        if self.word not in WORDS:
            raise ValueError(f"verdict is {self.word!r}; allowed: {', '.join(WORDS)}")


@dataclasses.dataclass(frozen=True)
class Question:
    """A probe that a study asks of the net of every arm. `arguments` are the probe's own."""

    probe: str
    arguments: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Study:
    """One question, answered from runs by a rule that its file fixes before any of them.

    - `name`, `title`: on the command line, and as a question.
    - `claim`, `source`: the sentence that is put to the test, and where it is written.
    - `arms`: (budget, seeds) → experiments; also `depths`, if `by_depth`.
    - `measure`: runs → a table with a row for each.
    - `summary`: that table → mean, sd and n of each arm.
    - `verdict`: that table → what the rule says.
    - `questions`: asked of every arm; `measure` reads the answers.
    - `trained`: false if the nets are measured at their start, so that nothing is trained.
    - `budgets`: those that the arms are made for; the rule can be put to no other.
    - `seeds`: how many the rule is made for.
    - `by_depth`: true if the depths can be chosen.
    """

    name: str
    title: str
    claim: str
    source: str
    arms: Callable[..., list[Experiment]]
    measure: Callable[[Iterable[Measured]], pd.DataFrame]
    summary: Callable[[pd.DataFrame], pd.DataFrame]
    verdict: Callable[[pd.DataFrame], Verdict]
    questions: tuple[Question, ...] = ()
    trained: bool = True
    budgets: tuple[str, ...] = ("minute", "lesson")
    seeds: tuple[int, ...] = (0, 1, 2)
    by_depth: bool = False

    def check_budget(self, budget: str) -> None:
        """Raises `SpecError` for a budget that the study has no arms for."""
        if budget not in self.budgets:
            allowed = ", ".join(self.budgets)
            raise SpecError(f"budget is {budget!r}; the study {self.name} has arms for: {allowed}")

    def shelf(self, shelf: Shelf) -> Shelf:
        """Where the study's runs are: on the shelf itself, or, for nets that are not trained, in its folder
        `starts`, so that no list of trainings shows them."""
        return shelf if self.trained else Shelf(shelf.path / STARTS)

    def asked(self, run: Run) -> list[Path]:
        """The folder of each question's answer about this run, whether or not it is there yet."""
        return [answers.answer_folder(run, each.probe, each.arguments) for each in self.questions]


def read_answer(run: Measured, question: Question) -> ProbeAnswer | None:
    """The answer to a study's question about a run; None where there is none, or an error in its place."""
    folder = answers.answer_folder(Run(run.path), question.probe, question.arguments)
    if not answers.answered(folder):
        return None
    answer = answers.read_answer(folder)
    return None if answer.error is not None else answer
