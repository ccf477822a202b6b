"""The picture with all that is known of its runs: their tables, and the probes' answers that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from resnet_edu.flow.contract import Dial, FlowData, Update
from resnet_edu.flow.data import flow_data
from resnet_edu.flow.measured import DIAL, UPDATE, Answered, dial_data, questions, update_data
from resnet_edu.runs import Run, RunError, answers


def flow_of(run: Run, twin: Run | None = None) -> FlowData:
    """`flow_data` with every update in slow motion and skip dial that was computed for these runs.

    Nothing is computed here. An update is shown where both twins have it. Raises `FlowError` as `flow_data`
    does; damaged answers are left out.
    """
    runs = sorted([run] if twin is None else [run, twin], key=lambda each: not each.experiment.net.plain)
    return flow_data(run, twin, updates=_updates(runs), dials=_dials(runs))


def _updates(runs: list[Run]) -> list[Update]:
    by_step: dict[int, list[Answered]] = {}
    for run in runs:
        for found in _kept(run, UPDATE):
            by_step.setdefault(found[1]["step"], []).append(found)
    whole = [by_step[step] for step in sorted(by_step) if len(by_step[step]) == len(runs)]
    return [cast(Update, update_data(*each)) for each in whole]


def _dials(runs: list[Run]) -> list[Dial]:
    return [cast(Dial, dial_data(*found)) for run in runs for found in _kept(run, DIAL)]


def unanswered(run: Run) -> list[tuple[str, dict[str, Any]]]:
    """Probes and arguments that recorded twins have answers to, and this run has none."""
    asked = questions(run.weight_steps(), plain=run.experiment.net.plain)
    return [each for each in asked if not answers.answered(answers.answer_folder(run, *each))]


def _kept(run: Run, probe: str) -> Iterator[Answered]:
    """The run's answers to the questions that are asked of every recorded twin."""
    for name, arguments in questions(run.weight_steps(), plain=run.experiment.net.plain):
        folder = answers.answer_folder(run, name, arguments)
        if name == probe and answers.answered(folder):
            found = _read(folder)
            if found is not None:
                yield (run.name, *found)


def _read(folder: Any) -> tuple[Any, Any] | None:
    try:
        facts, arrays = answers.read_answer(folder)
    except RunError:
        return None
    return None if "error" in facts else (facts, arrays)
