"""What visitors may start: bounds of the owner's, held by the desk itself; estimates beside recorded runs."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from resnet_edu import jobs, studies
from resnet_edu.experiment import Experiment, budgets
from resnet_edu.jobs import LimitError, Limits, estimate, limits, pool, queue
from resnet_edu.jobs.estimate import Speed, in_words, milliseconds
from resnet_edu.runs import RunError, RunWriter, Shelf, recorded

STUDY = studies.get("degradation")
ALL_DEPTHS = (8, 14, 20, 32, 44, 56)


@pytest.fixture(autouse=True)
def no_workers(monkeypatch) -> None:
    """What is submitted stays in the queue, on a machine of two cores."""
    monkeypatch.setattr(pool, "start", lambda shelf, slot: None)
    monkeypatch.setenv("RESNET_EDU_WORKERS", "2")


def plan(budget: str = "minute", **changed: object) -> list[Experiment]:
    """All that the first page offers: every depth, three seeds."""
    texts = {name: str(value) for name, value in changed.items()}
    return [Experiment.from_query(arm.to_query() | texts) for arm in STUDY.arms(budget, depths=ALL_DEPTHS)]


def names() -> set[str]:
    return {job.run for job in queue.pending(Shelf())}


def test_an_address_that_orders_weeks_of_work_is_refused_with_the_reason_and_what_is_allowed():
    arms = plan(steps=10_000_000)
    with pytest.raises(
        LimitError, match=r"busy for about 5\d days; allowed for one visitor: 120 min"
    ) as caught:
        jobs.submit_all(arms, client="a visitor")
    assert "with at most 15,600 steps each they would fit" in str(caught.value)
    assert not Shelf().runs()
    jobs.submit_all(plan(steps=15_600), client="a visitor")


def test_what_takes_gigabytes_is_refused():
    with pytest.raises(
        LimitError, match=r"-56 would need about 129\.5 GB of memory; allowed on this server: 2 GB"
    ):
        jobs.submit_all(plan(steps=10_000_000, width=1024), client="a visitor")
    with pytest.raises(LimitError, match="GB of memory"):
        jobs.submit(plan(steps=1, width=1024)[0], client="a visitor")
    assert not Shelf().runs()


@pytest.mark.parametrize("budget", ["minute", "lesson", "lesson-cifar"])
def test_every_plan_of_the_lesson_budgets_is_allowed_on_two_cores(budget):
    arms = plan(budget)
    assert len(arms) == 36
    jobs.submit_all(arms, client="a visitor")
    assert names() == {arm.name for arm in arms}


def test_the_owner_has_no_limits(tiny):
    assert len(jobs.submit_all([tiny(steps=10_000_000, seed=seed) for seed in range(90)])) == 90


def test_the_owner_sets_them(tiny, monkeypatch):
    monkeypatch.setenv("RESNET_EDU_MAX_MINUTES", "0.1")
    with pytest.raises(LimitError, match="allowed for one visitor: 6 s"):
        jobs.expected(plan(), "a visitor")
    monkeypatch.setenv("RESNET_EDU_MAX_MINUTES", "inf")
    monkeypatch.setenv("RESNET_EDU_MAX_MEMORY", "200")
    assert jobs.expected(plan(steps=10_000_000, width=1024), "a visitor").gigabytes == pytest.approx(
        129.5, 0.01
    )
    monkeypatch.setenv("RESNET_EDU_MAX_TRAININGS", "35")
    with pytest.raises(LimitError, match="this would add 36; allowed on this server: 35"):
        jobs.expected(plan(), "a visitor")


@pytest.mark.parametrize("name", ["MINUTES", "MEMORY", "TRAININGS"])
@pytest.mark.parametrize("text", ["0", "-1", "nan", "an hour"])
def test_a_limit_that_is_no_number_is_named(name, text, monkeypatch):
    monkeypatch.setenv(f"RESNET_EDU_MAX_{name}", text)
    with pytest.raises(RunError, match=f"RESNET_EDU_MAX_{name} is '{text}'; allowed: a number above 0"):
        Limits.of_owner()


def test_a_visitor_s_trainings_are_counted_until_they_have_ended():
    for first in (0, 3):
        jobs.submit_all(plan_from(first), client="a visitor")
    with pytest.raises(LimitError, match="72 trainings of yours have not ended, and this would add 36"):
        jobs.submit_all(plan_from(6), client="a visitor")
    assert len(names()) == 72
    jobs.submit_all(plan_from(6), client="another")
    jobs.submit_all(plan_from(0), client="another"), "what waits already costs nothing more"


def plan_from(first: int) -> list[Experiment]:
    return [replace(arm, seed=arm.seed + first) for arm in plan()]


def test_many_visitors_together_have_a_limit_too(monkeypatch):
    monkeypatch.setenv("RESNET_EDU_MAX_MINUTES", "2")
    for number in range(4):
        jobs.submit_all(plan_from(3 * number), client=f"tab {number}")
    with pytest.raises(
        LimitError, match="of it for trainings that were begun before; allowed for all visitors"
    ):
        jobs.submit_all(plan_from(30), client="one more tab")


def test_two_clicks_at_once_are_not_both_let_in(tiny, monkeypatch):
    monkeypatch.setenv("RESNET_EDU_MAX_TRAININGS", "36")
    refused: list[LimitError] = []

    def click(first: int) -> None:
        try:
            jobs.submit_all(plan_from(first), client="a visitor")
        except LimitError as error:
            refused.append(error)

    threads = [threading.Thread(target=click, args=(3 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert len(names()) == 36


def test_only_what_is_left_to_train_is_counted(tiny):
    arms = plan(steps=1000)
    whole = jobs.expected(arms, "a visitor").seconds
    for run in map(Shelf().get_or_create, arms[:18]):
        with RunWriter(run) as writer:
            writer.status("stopped", 999, 0.0)
    assert jobs.expected(arms, "a visitor").seconds < 0.5 * whole
    for run in map(Shelf().get_or_create, arms):
        with RunWriter(run) as writer:
            writer.status("done", 1000, 0.0)
    assert jobs.expected(arms, "a visitor").seconds == pytest.approx(whole), "all are trained again"


def test_a_damaged_run_is_counted_whole(tiny):
    run = Shelf().get_or_create(tiny())
    (run.path / "status.json").write_text("{")
    assert jobs.expected([tiny()], "a visitor").seconds == pytest.approx(6 * milliseconds(tiny()) / 1000)


def test_visitors_are_served_by_turns(tiny):
    jobs.submit_all([tiny(seed=seed) for seed in range(3)], client="one")
    jobs.submit_all([tiny(seed=seed) for seed in range(10, 12)], client="other")
    ordered = [job.run.split("-s")[1].split("-")[0] for job in queue.in_turn(queue.pending(Shelf()))]
    assert ordered == ["0", "10", "1", "11", "2"]


def test_the_estimate_is_of_the_order_of_the_recorded_runs():
    for run in recorded().runs():
        status = run.status()
        ratio = 1000 * status.seconds / status.step / milliseconds(run.experiment)
        assert 0.4 < ratio < 2.0, run.name


def test_runs_of_this_machine_correct_the_estimate(tiny):
    experiment = tiny(steps=100)
    before = estimate.estimate([(experiment, 0)], Speed.measured(Shelf()))
    assert before.runs == 0
    assert before.seconds == pytest.approx(milliseconds(experiment) / 10)
    for seed in range(3):
        run = Shelf().get_or_create(tiny(steps=100, seed=seed))
        with RunWriter(run) as writer:
            writer.status("done", 100, 7.0)
    assert estimate.estimate([(experiment, 0)], Speed.measured(Shelf())) == replace(
        before, seconds=pytest.approx(7.0), runs=3
    )
    assert Speed.measured(Shelf()).seconds(experiment, 50) == pytest.approx(3.5)


def test_alike_runs_count_for_it_more_than_others(tiny):
    for seed, (width, seconds) in enumerate([(2, 10.0)] * 9 + [(64, 1000.0)] * 9):
        small = budgets.at("minute", "resnet-8", seed)
        run = Shelf().get_or_create(replace(small, net=replace(small.net, width=width)))
        with RunWriter(run) as writer:
            writer.status("done", 100, seconds)
    speed = Speed.measured(Shelf())
    for width, seconds in ((2, 10.0), (64, 1000.0)):
        small = budgets.at("minute", "resnet-8", 99)
        wide = replace(small, net=replace(small.net, width=width))
        assert speed.seconds(wide, small.recipe.steps - 100) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "3 s"),
        (89, "89 s"),
        (120, "2 min"),
        (7200, "120 min"),
        (3 * 3600, "3 hours"),
        (3 * 86400, "3 days"),
        (1e10, "317 years"),
        (float("inf"), "any time"),
    ],
)
def test_times_are_said_in_words(seconds, words):
    assert in_words(seconds) == words


def test_questions_are_served_by_turns_and_their_number_is_bounded(tiny, monkeypatch):
    run = Shelf().get_or_create(tiny())
    for image in range(3):
        jobs.ask(run, "saliency", client="one", image=image)
    jobs.ask(run, "saliency", client="other", image=9)
    images = [job.arguments["image"] for job in queue.in_turn(queue.pending(Shelf()))]
    assert images == [0, 9, 1, 2]
    monkeypatch.setattr(limits, "MOST_PROBES", 4)
    jobs.ask(run, "saliency", client="another", image=9), "what waits already may be waited for"
    with pytest.raises(LimitError, match="4 questions of visitors wait already: try again later"):
        jobs.ask(run, "saliency", client="another", image=10)
    assert len(queue.pending(Shelf())) == 4
    jobs.ask(run, "saliency", image=10)
