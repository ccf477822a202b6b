"""Each study from its command to its verdict, with real nets, a few steps and few images; and the ledger."""

from __future__ import annotations

import dataclasses

import pytest

from resnet_edu import studies
from resnet_edu.experiment import Digits
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import Shelf
from resnet_edu.workers import process

slow = pytest.mark.slow


@pytest.fixture
def tiny_studies(monkeypatch):
    """All studies with their own nets and questions, trained for two steps (or one a phase) on 64 images."""
    whole = studies.get

    def few(recipe):
        return dataclasses.replace(recipe, steps=max(2, recipe.greedy + 1), batch=16)

    def shrunk(name):
        study = whole(name)

        def arms(budget, seeds, depths=None):
            found = study.arms(budget, seeds=seeds, **({} if depths is None else {"depths": depths}))
            return [dataclasses.replace(arm, data=Digits(train=64), recipe=few(arm.recipe)) for arm in found]

        return dataclasses.replace(study, arms=arms)

    monkeypatch.setattr(studies, "get", shrunk)


@pytest.fixture
def here(monkeypatch):
    """Workers that do their work when they are started, in this process."""
    monkeypatch.setattr(pool, "start_workers", lambda shelf: process.serve(shelf, "0", 0.01))
    monkeypatch.setattr(pool, "start", lambda shelf, slot: process.serve(shelf, slot, 0.01))
    monkeypatch.setattr(process, "_import_captum", lambda slot: None)


WORDS = {"identity_cost": "exact", "winners": "depends"}


@slow
@pytest.mark.parametrize("name", studies.names())
def test_a_study_from_its_command_to_its_verdict(name, command, tiny_studies, here):
    study = studies.get(name)
    few = ["--depths", "8,14"] if study.by_depth else []
    said = command("study", name, "--seeds", "0", "--budget", study.budgets[0], *few)
    assert said.code == 0, said.out + said.error
    assert said.out.startswith(f"{study.title}\n{study.claim}")
    assert f"\n{WORDS.get(name, 'not settled at this budget')}: " in said.out
    assert "nan" not in said.out
    assert queue.pending(Shelf()) == []


@slow
def test_all_studies_of_a_budget_train_a_shared_arm_once(command, tiny_studies, here, monkeypatch):
    monkeypatch.setattr(studies, "names", lambda: ("convergence", "construction", "identity_cost", "copies"))
    said = command("study", "all", "--seeds", "0")
    assert said.code == 0, said.error
    assert said.out.startswith(
        "4 studies; an arm that several need is trained once.\n3 trainings at the budget"
    )
    assert said.out.count("\nnot settled at this budget: ") == 3
    again = command("study", "all", "--seeds", "0")
    assert "3 of them are trained already and are kept" in again.out


@slow
def test_a_question_that_cannot_be_answered_is_named(command, tiny_studies, here, monkeypatch):
    from resnet_edu.workers import answer

    def broken(*arguments, **options):
        raise ValueError("no room for a deeper net")

    monkeypatch.setattr(answer, "_compute", broken)
    said = command("study", "construction", "--seeds", "0")
    assert said.code == 1
    assert "no answer plain-20-digits-s0-" in said.out
    assert said.out.strip().endswith(": no room for a deeper net")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("study chain --budget lesson", "budget is 'lesson'; the study chain has arms for: minute"),
        ("study highway --depths 8", "leave out depths: the study highway has depths of its own"),
        ("study chain --depths 7", "depth is 7; a dense net has 2n+2 layers, an even number"),
    ],
)
def test_what_a_study_cannot_do_is_said_in_one_line(command, words, message):
    said = command(*words.split())
    assert (said.code, said.error) == (2, f"resnet-edu: {message}\n")


def test_the_ledger_lists_every_claim_with_its_verdicts(command):
    said = command("claims")
    assert said.code == 0
    lines = said.out.splitlines()
    assert [int(line[:2]) for line in lines if line[:2].strip().isdigit()] == list(range(1, 28))
    assert (
        "    supported  at minute  training error, plain-56 − plain-8: +83.9 (+76 … +91.8) points" in said.out
    )
    assert "    quoted\n" in said.out
    assert "    no study yet\n" in said.out
    assert "    not run yet  study vanishing\n" in said.out
    assert "What is not run yet: `resnet-edu study NAME`" in said.out


def test_the_ledger_of_one_budget_with_sentences(command):
    said = command("claims", "--budget", "lesson-cifar", "--long")
    assert "at minute" not in said.out
    numbers = [int(line[:2]) for line in said.out.splitlines() if line[:2].strip().isdigit()]
    assert numbers == list(range(1, 28)), "also what was run at another budget alone"
    assert "    not run yet  study copies\n" in said.out
    assert "      Plain nets get worse with depth: 56 layers end at" in said.out
