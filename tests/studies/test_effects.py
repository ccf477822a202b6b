"""Words from bounds and thresholds, words of several parts, and the sentences made of them."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from resnet_edu.studies.effects import UNSETTLED, agreed, at_least, below, listed, number, within
from resnet_edu.studies.tables import CHANCE, last_errors, start_table, steps_until, summary, table

NAN = math.nan


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([1, 1, 1], "supported"),  # exactly the margin
        ([0.99, 0.99, 0.99], "contradicted"),
        ([0, 1, 2], UNSETTLED),
        ([5, 5], UNSETTLED),  # two seeds
        ([5, 5, NAN], UNSETTLED),  # one has no number
        ([], UNSETTLED),
    ],
)
def test_a_threshold_from_below(values, word):
    effect = at_least("gain", dict(enumerate(values)), 1.0)
    assert effect.word == word
    assert bool(effect.unsettled) == (word == UNSETTLED)


def test_a_threshold_from_above_and_a_range():
    assert below("moved", {0: 0.5, 1: 0.6, 2: 0.4}, 1.0).word == "supported"
    assert below("moved", {0: 1, 1: 1, 2: 1}, 1.0).word == "contradicted"
    for values, word in (
        ((0, 0, 0), "supported"),
        ((9, 9, 9), "contradicted"),
        ((-9, -9, -9), "contradicted"),
    ):
        assert within("slope", dict(enumerate(values)), -1, 1, "").word == word
    assert within("slope", {0: -9, 1: 0, 2: 9}, -1, 1, "").word == UNSETTLED


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["supported", "supported"], "supported"),
        (["contradicted"], "contradicted"),
        (["supported", "contradicted"], "depends"),
        (["supported", "contradicted", UNSETTLED], UNSETTLED),
        (["supported", UNSETTLED], UNSETTLED),
        ([], UNSETTLED),
    ],
)
def test_parts_agree_or_it_depends(words, word):
    assert agreed(words) == word


def test_what_would_settle_it_is_said():
    few, wide = at_least("gain", {0: 5, 1: 6}, 1.0), at_least("gain", {0: 0, 1: 1, 2: 2}, 1.0)
    assert few.unsettled == "gain: 2 seeds of the 3 that the rule needs"
    assert "more seeds would narrow them" in wide.unsettled


def test_effects_that_need_the_same_are_in_one_sentence():
    one, other = (at_least(label, {0: 1.0, 1: 2, 2: 3}, -1.0) for label in ("A", "B"))
    assert listed([one, other]) == (
        "A +2 (+0.314 … +3.69); B +2 (+0.314 … +3.69): the claim needs at least −1 points."
    )
    assert one.short == "+2 (+0.314 … +3.69) points"
    assert "no pair yet" in listed([below("C", {}, 1.0)])
    assert (number(-0.5), number(1e-7), number(NAN)) == ("−0.5", "+1.0e-07", "no number")


COLUMNS = ["step", "train_error", "train_error_batch", "test_error"]


def run(state="done", evals=(), losses=(), steps=50):
    return SimpleNamespace(
        name="a run",
        experiment=SimpleNamespace(label="net", seed=3, recipe=SimpleNamespace(steps=steps)),
        status=lambda: SimpleNamespace(state=state),
        evals=lambda: pd.DataFrame(
            list(evals), columns=["step", "train_error", "train_error_batch", "test_error"]
        ),
        steps=lambda: pd.DataFrame({"step": range(len(losses)), "loss": list(losses)}),
    )


def test_last_errors_of_a_diverged_run_are_chance():
    row = {"step": 9, "train_error": 1.0, "train_error_batch": 2.0, "test_error": 3.0}
    assert last_errors(run(evals=[row]))["test_error"] == 3.0
    assert set(last_errors(run("diverged", evals=[row])).values()) == {CHANCE}
    assert all(math.isnan(error) for error in last_errors(run()).values())


def test_steps_until_a_loss_are_those_of_ten_batches_mean():
    assert steps_until(run(losses=[1.0] * 10 + [0.0] * 20), 0.5) == 15
    assert steps_until(run(losses=[1.0] * 30), 0.5) == 50
    assert steps_until(run(losses=[0.1] * 10), 0.5) == 10


def test_tables_and_summaries_without_runs_are_empty():
    assert list(table([], last_errors).columns) == ["arm", "seed", "run", "state"]
    assert start_table([], lambda run: []).empty
    rows = table([run(evals=[{"step": 9, "train_error": 1.0}])], last_errors)
    assert rows[["arm", "seed", "state", "train_error"]].values.tolist() == [["net", 3, "done", 1.0]]
    assert summary(rows)["n"].tolist() == [1]
    assert summary(table([], last_errors)).empty
