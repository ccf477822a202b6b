"""What an address may order: the page says what a training takes before the click, and refuses too much."""

from __future__ import annotations

import pytest
from test_app_degradation import PLAN, button, charts, said

from resnet_edu.jobs import queue
from resnet_edu.runs import Shelf

WEEKS = {"view": "here", "train": "8,14,20,32,44,56", "seeds": 3, "steps": 10_000_000, "width": 1024}


@pytest.mark.parametrize("view", ["here", "recorded"])
def test_an_address_orders_no_weeks_of_work(opened, no_workers, view):
    at = opened("degradation", **WEEKS | {"view": view})
    assert not at.exception
    assert button(at, "Train it here").disabled
    assert "would need about 129.5 GB of memory; allowed on this server: 2 GB" in said(at.warning)
    assert not queue.pending(Shelf())


def test_a_click_that_comes_all_the_same_is_refused_by_the_desk(opened, no_workers, monkeypatch):
    at = opened("degradation", **PLAN)
    monkeypatch.setenv("RESNET_EDU_MAX_MINUTES", "0.001")  # as if others had filled the queue meanwhile
    button(at, "Train it here").click().run()
    assert "allowed for one visitor" in said([*at.warning, *at.error])
    assert not queue.pending(Shelf())


@pytest.mark.parametrize("query", [{}, {"view": "here"}, PLAN], ids=["recorded", "here", "own"])
def test_what_it_takes_is_said_before_the_click(opened, no_workers, query):
    at = opened("degradation", **query)
    assert not button(at, "Train it here").disabled
    (takes,) = [each.value for each in at.caption if each.value.startswith("About ")]
    assert takes.endswith("0.7 GB of memory each")
    button(at, "Train it here").click().run()
    assert not [each.value for each in at.caption if each.value.startswith("About ")], "while it trains"


def test_the_owner_s_limits_reach_the_page(opened, no_workers, monkeypatch):
    monkeypatch.setenv("RESNET_EDU_MAX_TRAININGS", "3")
    at = opened("degradation", **PLAN)
    assert "this would add 4; allowed on this server: 3 for one visitor" in said(at.warning)
    monkeypatch.setenv("RESNET_EDU_MAX_TRAININGS", "some")
    assert "RESNET_EDU_MAX_TRAININGS is 'some'" in said(opened("degradation", **PLAN).error)


def test_sessions_are_clients_of_their_own(opened, no_workers, monkeypatch):
    monkeypatch.setenv("RESNET_EDU_MAX_TRAININGS", "4")
    first = opened("degradation", **PLAN)
    button(first, "Train it here").click().run()
    first.query_params["first_seed"] = "1"
    first.run()
    assert "4 trainings of yours have not ended" in said(first.warning)
    other = opened("degradation", **PLAN, first_seed=1)
    assert not other.warning
    button(other, "Train it here").click().run()
    assert charts(other) >= 0
    assert len({job.clients for job in queue.pending(Shelf())}) == 2
