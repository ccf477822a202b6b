"""The ledger: each claim with who says it, and the verdict at every budget whose runs are there.

A verdict is computed from runs each time, so no list of verdicts can disagree with them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from resnet_edu.experiment import Experiment
from resnet_edu.runs import Run, Shelf, answers, recorded
from resnet_edu.studies.claims import CLAIMS, Claim
from resnet_edu.studies.study import Study, Verdict

NO_STUDY = "no study yet"
NOT_RUN = "not run yet"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One claim and, if a study put it to the test at this budget, the verdict.

    - `claim`: and who says it.
    - `study`, `budget`: "" where there is none.
    - `verdict`: None where nothing was run.
    - `runs`: names of the runs that the verdict is made of.
    """

    claim: Claim
    study: str = ""
    budget: str = ""
    verdict: Verdict | None = None
    runs: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        if self.verdict is not None:
            return self.verdict.word
        if self.claim.quoted:
            return "quoted"
        return NOT_RUN if self.claim.study else NO_STUDY


def entries(shelf: Shelf, known: Sequence[Study], budget: str | None = None) -> list[Entry]:
    """One entry for each claim and budget that has been run, and one for each claim that has not.

    - `shelf`: the user's; what is not there is taken from the runs that ship with the package.
    - `known`: the studies.
    - `budget`: this one only; a claim that was run at others alone has not been run then.
    """
    studies = {study.name: study for study in known}
    found = []
    for claim in CLAIMS:
        study = studies.get(claim.study)
        at = [each for each in (study.budgets if study else ()) if budget in (None, each)]
        tested = [_entry(claim, study, each, shelf) for each in at] if study else []
        found += [entry for entry in tested if entry is not None] or [Entry(claim, claim.study)]
    return found


def _entry(claim: Claim, study: Study, budget: str, shelf: Shelf) -> Entry | None:
    runs = complete_runs(study, budget, shelf)
    if runs is None:
        return None
    verdict = study.verdict(study.measure(runs))
    return Entry(claim, study.name, budget, verdict, tuple(run.name for run in runs))


def complete_runs(study: Study, budget: str, shelf: Shelf) -> list[Run] | None:
    """The runs of all arms, answers included; None if one is missing. A study without arms has none."""
    found: list[Run] = []
    for arm in study.arms(budget, seeds=study.seeds):
        run = next((run for each in (shelf, recorded()) if (run := _complete(study, arm, each))), None)
        if run is None:
            return None
        found.append(run)
    return found


def _complete(study: Study, arm: Experiment, shelf: Shelf) -> Run | None:
    place = study.shelf(shelf)
    run = Run(place.path / arm.name) if (place.path / arm.name).is_dir() else None
    if run is None or (study.trained and not run.status().complete):
        return None
    return run if all(answers.answered(folder) for folder in study.asked(run)) else None
