"""Which configurations degrade, and in which the gradient vanishes: the rule of the grid."""

from __future__ import annotations

import pandas as pd
import pytest
from planted import planted

from resnet_edu import studies
from resnet_edu.studies import vanishing
from resnet_edu.studies.effects import UNSETTLED

STUDY = studies.get("vanishing")
PLAIN, RESIDUAL = "plain, batch norm, He", "residual, batch norm, He"


def kind(name, deep, shallow, first, last=1.0, shallow_first=1.0):
    """Two arms of one configuration: errors by seed, and norms of the deep net's first and last unit."""
    named = {50: (deep, first, last), 20: (shallow, shallow_first, 1.0)}
    return planted(
        {
            f"{name}, {depth}": {
                "train_error": errors,
                "first": [one] * len(errors),
                "last": [other] * len(errors),
                "correlation": [0.01] * len(errors),
            }
            for depth, (errors, one, other) in named.items()
        }
    )


def judged(*tables):
    return STUDY.verdict(pd.concat(tables, ignore_index=True))


BAD, GOOD = [80.0, 81, 82], [0.0, 0, 1]
FINE = kind(RESIDUAL, GOOD, GOOD, first=1.0)


@pytest.mark.parametrize(
    ("tables", "word"),
    [
        ([kind(PLAIN, BAD, GOOD, first=1e-3), FINE], "supported"),
        ([kind(PLAIN, BAD, GOOD, first=0.5, last=100.0), FINE], "supported"),  # by the ratio
        (
            [kind(PLAIN, BAD, GOOD, first=0.5, shallow_first=1e4), FINE],
            "supported",
        ),  # against the shallow net
        ([kind(PLAIN, BAD, GOOD, first=1e3), FINE], "contradicted"),  # it explodes
        ([kind(PLAIN, BAD, GOOD, first=1e3), kind(RESIDUAL, BAD, GOOD, first=1e-3)], "depends"),
        ([kind(PLAIN, GOOD, GOOD, first=1e-3), FINE], UNSETTLED),  # nothing degrades
        ([kind(PLAIN, BAD, BAD, first=1e-3), FINE], UNSETTLED),  # the shallow net has not learnt
        ([kind(PLAIN, [0.0, 80, 3], GOOD, first=1e-3), FINE], UNSETTLED),  # too noisy
        ([kind(PLAIN, BAD, GOOD, first=1e-3), kind(RESIDUAL, GOOD[:2], GOOD[:2], first=1.0)], UNSETTLED),
    ],
)
def test_the_rule(tables, word):
    verdict = judged(*tables)
    assert verdict.word == word, verdict.sentence
    assert "nan" not in verdict.sentence


def test_the_sentence_names_what_degrades_and_what_never_learnt():
    stuck = kind("plain, no norm, small", BAD, BAD, first=1e-9)
    said = judged(kind(PLAIN, BAD, GOOD, first=1e3), stuck).sentence
    assert said.startswith("1 of 2 configurations degrade; the gradient vanishes in 0.")
    assert "plain, batch norm, He: it does not (first : last 1e+03; nearby correlation 0.01)." in said
    assert "Neither depth learnt: plain, no norm, small." in said


def test_no_run_settles_nothing():
    assert STUDY.verdict(STUDY.measure([])).word == UNSETTLED


def test_a_name_has_its_configuration_then_its_depth():
    (first, *_) = vanishing.arms("minute", seeds=(0,))
    assert vanishing.name(first) == "plain, batch norm, He, 50"
    assert len({vanishing.name(arm) for arm in vanishing.arms("minute", seeds=(0,))}) == 16
