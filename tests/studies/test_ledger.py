"""The ledger: every claim once, verdicts from runs that are there, from either shelf."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from resnet_edu import studies
from resnet_edu.experiment.spec import SpecError
from resnet_edu.runs import RunWriter, Shelf, answers
from resnet_edu.runs.answers import ProbeAnswer
from resnet_edu.studies import claims, ledger
from resnet_edu.studies.study import STARTS, read_answer


def by_claim(entries):
    return {number: [entry for entry in entries if entry.claim.number == number] for number in range(1, 28)}


def test_recorded_runs_have_verdicts_and_what_has_no_study_says_so():
    found = by_claim(studies.ledger_of(Shelf()))
    words = {(entry.budget, entry.word) for entry in found[1]}
    assert {("minute", "supported"), ("lesson-cifar", "supported")} <= words
    assert [entry.word for entry in found[23]] == ["quoted"]
    assert [entry.word for entry in found[7]] == ["no study yet"]
    assert [entry.word for entry in found[9]] == ["exact"]
    assert all(entries for entries in found.values())
    assert len(found[1][0].runs) == 18


@pytest.fixture
def chain():
    """A study of two nets at their start, one seed each."""
    study = studies.get("chain")

    def arms(budget, seeds, depths=None):
        return study.arms(budget, seeds=(0,), depths=(6,))[:2]

    return dataclasses.replace(study, arms=arms)


def answer(study, shelf):
    for arm in study.arms("minute", seeds=(0,)):
        run = study.shelf(shelf).get_or_create(arm)
        (folder,) = study.asked(run)
        folder.mkdir(parents=True)
        answers.write_answer(folder, ProbeAnswer({}, {"activation_gradient": np.array([[4.0, 2.0]])}))


def test_answers_of_nets_at_their_start_are_in_a_folder_of_their_own(chain):
    assert ledger.complete_runs(chain, "minute", Shelf()) is None
    answer(chain, Shelf())
    runs = ledger.complete_runs(chain, "minute", Shelf())
    assert [run.path.parent.name for run in runs] == [STARTS, STARTS]
    assert Shelf().runs() == [], "no list of trainings shows them"
    rows = chain.measure(runs)
    assert rows["off"].tolist() == pytest.approx([0, 0], abs=1e-9)
    (entry, *_) = [each for each in ledger.entries(Shelf(), [chain]) if each.claim.number == 27]
    assert (entry.budget, entry.word, len(entry.runs)) == ("minute", "not settled at this budget", 2)


def test_an_error_is_no_answer(chain):
    (arm, _) = chain.arms("minute", seeds=(0,))
    run = chain.shelf(Shelf()).get_or_create(arm)
    (folder,) = chain.asked(run)
    folder.mkdir(parents=True)
    assert read_answer(run, chain.questions[0]) is None
    answers.write_error(folder, "no room")
    assert read_answer(run, chain.questions[0]) is None
    assert chain.measure([run]).empty


def test_a_training_counts_once_it_is_complete(tiny):
    degradation = studies.get("degradation")
    study = dataclasses.replace(degradation, arms=lambda budget, seeds: [tiny(plain=True)])
    run = Shelf().get_or_create(tiny(plain=True))
    assert ledger.complete_runs(study, "minute", Shelf()) is None
    with RunWriter(run) as writer:
        writer.finish(1.0)
    assert [each.name for each in ledger.complete_runs(study, "minute", Shelf())] == [run.name]


def test_words_of_claims_without_a_verdict():
    quoted, untested, waiting = (ledger.Entry(claims.CLAIMS[i - 1]) for i in (23, 7, 5))
    assert [entry.word for entry in (quoted, untested, waiting)] == ["quoted", "no study yet", "not run yet"]
    with pytest.raises(SpecError, match="budget is 'quarter'; the study chain has arms for: minute"):
        studies.get("chain").check_budget("quarter")
