"""What pages open with ships: nobody is asked, and it is what is computed today."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from resnet_edu import probes, runs
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import answers
from tools import opening

pytestmark = pytest.mark.slow

QUICK = ("images", "saliency", "lesion", "contributions")
SHIPPED = [
    (run, folder)
    for run in runs.recorded().runs()
    if run.experiment.data.kind == "digits"
    for folder in sorted((run.path / "probes").glob("*"))
    if folder.name.rsplit("-", 1)[0] in QUICK
]


@pytest.mark.parametrize(("page", "query"), opening.VIEWS, ids=str)
def test_a_page_opens_without_asking_anybody(page, query, monkeypatch):
    """Else it asks something new since: `python tools/opening.py` records that."""
    monkeypatch.setattr(pool, "start", lambda shelf, slot: None)
    assert opening.asked(page, query) == []


def test_whoever_opens_a_page_finds_the_worker_for_the_next_question_ready(monkeypatch):
    started = []
    monkeypatch.setattr(pool, "start", lambda shelf, slot: started.append(slot))
    opening.asked("lesions", {"depth": 20})  # whatever was remembered of other tests' pages
    sys.modules["probe_client"]._prewarm.clear()
    del started[:]
    assert opening.asked("lesions", {"depth": 20}) == []
    assert started == [queue.QUICK]


@pytest.mark.parametrize(("run", "folder"), SHIPPED, ids=lambda value: value.name)
def test_what_a_page_opens_with_is_computed_again(run, folder):
    shipped, before = answers.read_answer(folder)
    facts, now = probes.answer(run, shipped["probe"], shipped["arguments"])
    assert facts.keys() <= shipped.keys()
    assert now.keys() == before.keys()
    for name, array in now.items():
        if array.dtype.kind == "f":
            slack = 0.02 * np.nanmax(np.abs(array), initial=0.5)
            np.testing.assert_allclose(array, before[name], rtol=0.02, atol=slack)
        else:
            assert (array == before[name]).all(), name
