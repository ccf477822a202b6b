"""The decision rule, case by case, over runs that stand in for trained ones."""

import dataclasses
import json
import math
from types import SimpleNamespace

import pandas as pd
import pytest

from resnet_edu import studies
from resnet_edu.experiment import Experiment, FashionMnist, ImageFolder, budgets
from resnet_edu.experiment.spec import SpecError
from resnet_edu.studies import degradation
from resnet_edu.studies.study import Verdict

STUDY = studies.get("degradation")
UNSETTLED = "not settled at this budget"
NAN = math.nan


class FakeRun:
    """Just what a study reads of a run; one evaluation at the start and one at the end."""

    def __init__(self, experiment, error, batch=None, state="done", evaluated=True):
        self.experiment, self.name = experiment, experiment.name
        self._state, self._evaluated = state, evaluated
        self._errors = {"train_error": error, "train_error_batch": error if batch is None else batch}

    def status(self):
        return SimpleNamespace(state=self._state, step=200, steps=self.experiment.recipe.steps)

    def evals(self):
        first = {"step": 0, "train_error": 90.0, "train_error_batch": 91.0, "test_error": 92.0}
        last = {"step": 240, **self._errors, "test_error": self._errors["train_error"] + 2}
        columns = ["step", "train_error", "train_error_batch", "test_error"]
        return pd.DataFrame([first, last] if self._evaluated else [], columns=columns)


def run(net, seed, error, **more):
    return FakeRun(budgets.at("minute", net, seed), error, **more)


def runs(**errors):
    """runs(plain_56=(60, 70, 80)) for seeds 0, 1, 2; None leaves a seed out."""
    return [
        run(net.replace("_", "-"), seed, error)
        for net, seeds in errors.items()
        for seed, error in enumerate(seeds)
        if error is not None
    ]


def judged(made):
    return STUDY.verdict(STUDY.measure(made))


@pytest.mark.parametrize(
    ("deep", "shallow", "word"),
    [
        ((60, 70, 80), (0, 1, 0), "supported"),
        ((3, 3.1, 2.9), (1, 1, 1), "supported"),
        ((1, 1, 1), (0, 0, 0), "supported"),  # exactly the margin, without spread
        ((0, 0, 0), (0, 0, 0), "contradicted"),  # ties
        ((0.5, 0.6, 0.4), (0, 0, 0), "contradicted"),  # worse, but by less than a point
        ((2, 3, 1), (9, 8, 9), "contradicted"),  # better
        ((0, 1.5, 3), (0, 0, 0), UNSETTLED),  # both sides of one point
        ((1, 80, 2), (0, 0, 0), UNSETTLED),  # one seed makes the mean
        ((60, 70, None), (0, 1, 0), UNSETTLED),  # two pairs
        ((60, None, None), (0, None, None), UNSETTLED),  # one seed
        ((60, 70, 80), (None, None, None), UNSETTLED),  # no shallow arm
        ((None, 70, 80, 75), (0, 1, 0, None), UNSETTLED),  # four and three seeds, two pairs
        ((90, 90, 90), (60, 50, 70), UNSETTLED),  # the shallow net has not learnt
        ((90, 90, 90), (0, 46, 0), UNSETTLED),  # … in one seed
        ((90, 90, 90), (0, 45, 20), "supported"),
    ],
)
def test_the_rule_for_plain_nets(deep, shallow, word):
    verdict = judged(runs(plain_56=deep, plain_8=shallow))
    assert verdict.word == verdict.evidence["word"] == word


@pytest.mark.parametrize(
    ("batch", "word"),
    [
        ((60, 70, 80), "supported"),
        ((NAN, NAN, NAN), "supported"),  # not measured: eval mode decides
        ((0, 0, 0), "depends"),  # lagging statistics faked it
        ((0, 1.5, 3), UNSETTLED),
    ],
)
def test_the_error_with_batch_statistics_has_a_say(batch, word):
    deep = [run("plain-56", seed, 70 + seed, batch=error) for seed, error in enumerate(batch)]
    verdict = judged(deep + runs(plain_8=(0, 1, 0)))
    assert verdict.word == word
    assert ("do not fake it" in verdict.sentence) == (batch == (60, 70, 80))


def test_the_deepest_and_the_shallowest_are_compared():
    verdict = judged(runs(plain_56=(60, 70, 80), plain_20=(50, 50, 50), plain_8=(0, 0, 0)))
    plain = verdict.evidence["plain"]
    assert (plain["worse"]["depth"], plain["better"]["depth"]) == (56, 8)
    assert plain["differences"] == {0: 60, 1: 70, 2: 80}
    assert plain["mean"] == 70
    assert (plain["low"], plain["high"]) == pytest.approx((70 - 16.858, 70 + 16.858), abs=1e-3)


def test_an_unfinished_deepest_net_is_not_replaced_by_the_next():
    deep = [run("plain-56", seed, 70, state="running") for seed in range(3)]
    verdict = judged(deep + runs(plain_20=(50, 50, 50), plain_8=(0, 0, 0)))
    assert verdict.word == UNSETTLED
    assert verdict.evidence["plain"]["worse"]["depth"] == 56
    assert len(verdict.evidence["unfinished"]) == 3
    assert "3 runs without a final error: not counted" in verdict.sentence


@pytest.mark.parametrize("state", ["queued", "running", "stopped", "interrupted", "failed"])
def test_a_run_that_has_not_ended_does_not_count(state):
    made = runs(plain_56=(60, 70, None), plain_8=(0, 0, 0))
    verdict = judged([*made, run("plain-56", 2, 80, state=state)])
    assert verdict.word == UNSETTLED
    assert verdict.evidence["unfinished"] == [budgets.at("minute", "plain-56", 2).name]


def test_a_diverged_run_counts_as_chance_and_is_named():
    made = runs(plain_56=(60, 70, None), plain_8=(0, 0, 0))
    verdict = judged([*made, run("plain-56", 2, 3.0, state="diverged")])
    assert verdict.word == "supported"
    assert verdict.evidence["plain"]["differences"][2] == 90
    assert len(verdict.evidence["diverged"]) == 1
    assert "1 run diverged: counted as chance, 90 % error" in verdict.sentence


def test_a_done_run_without_a_final_error_is_named():
    verdict = judged([*runs(plain_56=(60, 70, None), plain_8=(0, 0, 0)), run("plain-56", 2, NAN)])
    assert verdict.word == UNSETTLED
    assert len(verdict.evidence["unfinished"]) == 1


def test_two_attempts_at_one_seed_are_one_seed():
    once = runs(plain_56=(60, 70, None), plain_8=(0, 0, None))
    verdict = judged(once + once)
    assert verdict.word == UNSETTLED
    assert verdict.evidence["plain"]["n"] == 2


def test_residual_twins_and_the_shortcut_stand_beside_it():
    made = runs(plain_56=(60, 70, 80), plain_8=(0, 0, 0), resnet_56=(0.1, 0, 0), resnet_8=(0, 0, 0))
    verdict = judged(made)
    assert verdict.word == "supported"
    assert verdict.evidence["residual"]["word"] == "contradicted"
    assert verdict.evidence["shortcut"]["differences"] == pytest.approx({0: 59.9, 1: 70, 2: 80})
    assert verdict.evidence["shortcut"]["word"] == "supported"


def test_the_sentence_gives_numbers_with_spread_units_and_n():
    made = runs(plain_56=(60, 70, 80), plain_8=(0, 1, 0), resnet_56=(0.1, 0, 0), resnet_8=(0, 0, 0))
    sentence = judged(made).sentence
    assert sentence.startswith(
        "Plain nets get worse with depth: 56 layers end at 70.0 ± 10.0 % training error, "
        "8 layers at 0.3 ± 0.6 %, "
        "a difference of +69.7 points (95 % bounds +52.8 and +86.6). "
        "(After 240 steps; mean ± sd over 3 seeds.) Residual nets get no worse with depth: "
    )
    assert "At 56 layers the shortcut is worth +70.0 points" in sentence
    assert "nan" not in sentence


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ([], "it takes two depths"),
        (runs(plain_56=(60, 70, 80)), "it takes two depths"),
        (runs(plain_56=(60,), plain_8=(0,)), "the rule needs 3 seeds at both depths; ended so far: 1"),
        (runs(plain_56=(90, 90, 90), plain_8=(80, 80, 80)), "the shallow net has not learnt either"),
        (runs(plain_56=(0, 1.5, 3), plain_8=(0, 0, 0)), "the bounds lie on both sides of 1 point"),
    ],
)
def test_what_is_not_settled_says_why(made, reason):
    sentence = judged(made).sentence
    assert sentence.startswith(f"Plain nets: not settled at this budget ({reason})")
    assert "nan" not in sentence


def test_evidence_is_plain_data():
    evidence = judged(runs(plain_56=(60, 70, 80), plain_8=(0, 1, 0))).evidence
    assert json.loads(json.dumps(evidence))["plain"]["n"] == 3


def test_measure_reads_the_last_evaluation():
    made = [
        run("plain-56", 1, 60.0),
        run("resnet-8", 2, 5.0, state="running"),
        run("plain-8", 0, 1, evaluated=False),
    ]
    measured = STUDY.measure(made)
    assert tuple(measured.columns) == degradation.COLUMNS
    name = budgets.at("minute", "plain-56", 1).name
    assert measured.iloc[0].to_list() == [56, "plain", 1, 240, 60.0, 60.0, 62.0, name, "done"]
    assert measured.iloc[1][["depth", "net", "seed", "state"]].to_list() == [8, "residual", 2, "running"]
    assert measured.iloc[2]["step"] == 0
    assert measured.iloc[2][list(degradation.ERRORS)].isna().all()


def test_measure_refuses_to_mix_what_differs_in_more_than_depth():
    here, there = run("plain-56", 0, 60), FakeRun(budgets.at("lesson", "plain-8", 0), 0)
    with pytest.raises(ValueError, match="more than depth, shortcut and seed"):
        STUDY.measure([here, there])
    with pytest.raises(ValueError, match="more than depth, shortcut and seed"):
        STUDY.measure([run("resnet-56", 0, 60), run("resnet-8-B", 0, 60)])
    warm, cold = (FakeRun(budgets.at("paper", net), 0) for net in ("resnet-110", "resnet-20"))
    assert len(STUDY.measure([warm, cold])) == 2


def test_measure_knows_chance_for_ten_classes_only():
    assert len(STUDY.measure([FakeRun(Experiment(data=FashionMnist()), 3)])) == 1
    with pytest.raises(ValueError, match="data is 'imagefolder'"):
        STUDY.measure([FakeRun(Experiment(data=ImageFolder()), 3)])


def test_summary_gives_mean_sd_and_n_of_ended_runs():
    made = runs(plain_56=(60, 70, None), plain_8=(0, 1, 2))
    summary = STUDY.summary(STUDY.measure([*made, run("plain-56", 2, 99, state="running")]))
    assert summary[["depth", "net", "n"]].values.tolist() == [[8, "plain", 3], [56, "plain", 2]]
    assert summary["train_error"].to_list() == [1, 65]
    assert summary["train_error_sd"].to_list() == pytest.approx([1, 7.0711], abs=1e-4)
    assert summary["test_error"].to_list() == [3, 67]
    assert STUDY.summary(STUDY.measure([])).empty


@pytest.mark.parametrize("budget", budgets.BUDGETS)
def test_arms_come_as_twins_that_differ_by_the_shortcut_alone(budget):
    arms = STUDY.arms(budget)
    assert len({arm.key for arm in arms}) == len(arms) == 6 * len(degradation.DEPTHS[budget])
    for plain, residual in zip(arms[::2], arms[1::2], strict=True):
        assert plain.net.plain
        assert plain.twin() == residual
        assert residual == dataclasses.replace(
            plain, net=dataclasses.replace(plain.net, shortcut=residual.net.shortcut)
        )
    depths = [arm.net.depth for arm in arms]
    assert depths == sorted(depths, reverse=True)
    assert set(depths) == set(degradation.DEPTHS[budget])
    assert {arm.seed for arm in arms} == {0, 1, 2}


def test_arms_take_seeds_and_depths_once_each():
    arms = STUDY.arms("minute", seeds=(5, 5), depths=(8, 14, 8))
    assert [(arm.label, arm.seed) for arm in arms] == [
        ("plain-14", 5),
        ("resnet-14", 5),
        ("plain-8", 5),
        ("resnet-8", 5),
    ]


@pytest.mark.parametrize("wrong", [{"budget": "hour"}, {"depths": (9,)}, {"seeds": (-1,)}])
def test_arms_refuse_what_no_experiment_takes(wrong):
    with pytest.raises(SpecError):
        STUDY.arms(**{"budget": "minute"} | wrong)


def test_the_docstring_and_the_words():
    for heading in ("Question", "Source", "Command", "Cost", "Decision rule"):
        assert heading in degradation.__doc__
    with pytest.raises(ValueError, match="verdict is 'proved'; allowed: supported"):
        Verdict("proved", "", {})


def test_its_effect_is_the_plain_difference():
    (effect,) = judged(runs(plain_56=(60, 70, 80), plain_8=(0, 1, 0))).effects
    assert effect.label == "training error, plain-56 − plain-8"
    assert (effect.n, effect.word, effect.needs) == (3, "supported", "at least 1 point")
