"""Every study: its file states question, source and rule; its arms can be made; every claim has its place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resnet_edu import studies
from resnet_edu.experiment import budgets
from resnet_edu.experiment.probes import PROBES
from resnet_edu.experiment.spec import SpecError
from resnet_edu.studies import claims

ALL = [studies.get(name) for name in studies.names()]
LONG = ("degradation",)  # it has comparisons of its own, which a page draws


@pytest.mark.parametrize("study", ALL, ids=lambda study: study.name)
def test_a_study_s_file(study):
    module = sys.modules[f"resnet_edu.studies.{study.name}"]
    for heading in ("Question", "Source", "Arms", "Command", "Cost", "Decision rule, fixed before any"):
        assert f"\n{heading}" in module.__doc__, heading
    assert f"resnet-edu study {study.name}" in module.__doc__
    assert study.title in module.__doc__.splitlines()[0]
    lines = Path(module.__file__).read_text("utf-8").count("\n")
    assert lines < 150 or study.name in LONG


@pytest.mark.parametrize("study", ALL, ids=lambda study: study.name)
def test_a_study_s_arms_are_different_experiments_at_every_budget(study):
    assert set(study.budgets) <= set(budgets.BUDGETS)
    for budget in study.budgets:
        arms = study.arms(budget, seeds=study.seeds)
        assert len({arm.key for arm in arms}) == len(arms)
        assert {arm.seed for arm in arms} <= set(study.seeds)
    for question in study.questions:
        assert question.probe in PROBES
        assert study.trained or question.arguments["step"] == 0


@pytest.mark.parametrize("study", ALL, ids=lambda study: study.name)
def test_a_study_refuses_a_budget_that_it_has_no_arms_for(study):
    with pytest.raises(SpecError, match=f"the study {study.name} has arms for"):
        study.check_budget("imagenet")


def test_the_claims_are_27_and_each_study_tests_one():
    assert [claim.number for claim in claims.CLAIMS] == list(range(1, 28))
    named = [claim.study for claim in claims.CLAIMS if claim.study]
    assert sorted(named) == sorted(studies.names())
    assert [claim.number for claim in claims.CLAIMS if claim.quoted] == [23]
    assert not any(claim.quoted and claim.study for claim in claims.CLAIMS)
    assert [claim.number for claim in claims.of_study("chain")] == [27]


def test_an_unknown_study_is_answered_with_those_there_are():
    with pytest.raises(KeyError, match="study is 'depth'; allowed: degradation, residual_depth"):
        studies.get("depth")


def test_arms_of_remedies_have_their_names():
    from resnet_edu.studies import before_skips

    names = [before_skips.name(arm) for arm in before_skips.arms("minute", seeds=(0,))]
    assert names == ["skips", *before_skips.REMEDIES]
