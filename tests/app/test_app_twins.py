"""Twins of all depths: also for runs that were read anew, and for families that have changed meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resnet_edu.runs import Run, Shelf


@pytest.fixture
def twins(opened, no_workers):
    opened("lesions")  # which imports it
    return sys.modules["twins"]


def rebuilt(pair):
    return tuple(Run(Path(str(run.path))) for run in pair)


def test_runs_that_were_read_anew_have_the_same_family(twins):
    family = twins.families()["minute"]
    pair = rebuilt(family.pairs[20, 0])
    twins.families.clear()
    assert [each[0].experiment.net.depth for each in twins.of_all_depths(pair)] == [8, 20, 56]
    assert twins.of_all_depths(pair)[1] == pair


def test_twins_that_were_trained_again_meanwhile_stand_alone(twins, trained):
    trained()
    twins.families.clear()
    ((name, family),) = [each for each in twins.families().items() if each[0].startswith("here-")]
    pair = family.pairs[8, 0]
    assert len(twins.of_all_depths(pair)) == 2
    trained(again=True)
    twins.families.clear()
    assert twins.families()[name].pairs[8, 0] != pair
    assert twins.of_all_depths(pair) == [pair]
    for run in Shelf().runs():
        Shelf().remove(run)
    twins.families.clear()


def test_the_page_survives_runs_that_are_rebuilt_between_its_parts(opened, no_workers, monkeypatch):
    """Caches of different lifetimes give other objects of the same runs."""
    at = opened("saliency", depth=56)
    twins = sys.modules["twins"]
    found = twins.families

    def anew(*given):
        return {
            name: twins.Family(each.name, each.words, {at: rebuilt(pair) for at, pair in each.pairs.items()})
            for name, each in found(*given).items()
        }

    anew.clear = found.clear
    monkeypatch.setattr(twins, "families", anew)
    at.query_params["rows"] = "depths"
    at.run()
    assert not at.exception
    assert not at.error
