"""Questions in the queue: who asked, who withdrew, which worker sees to them, and what ships with a run."""

from __future__ import annotations

import json
import os

import pytest

from resnet_edu import jobs
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import Run, Shelf, answers, files, recorded


@pytest.fixture(autouse=True)
def started(monkeypatch) -> list[str]:
    """The slots for which a worker would have been started; nobody comes."""
    slots: list[str] = []
    monkeypatch.setattr(pool, "start", lambda shelf, slot: slots.append(slot))
    return slots


@pytest.fixture
def run(tiny) -> Run:
    return Shelf().get_or_create(tiny())


def asked() -> list[int]:
    """The images that wait, oldest question first."""
    return [job.arguments["image"] for job in queue.pending(Shelf())]


def test_who_stands_by_is_the_worker_for_quick_answers(started):
    jobs.prewarm()
    assert started == [queue.QUICK]
    assert queue.pending(Shelf()) == []


def test_what_is_withdrawn_leaves_the_queue(run):
    folders = [jobs.ask(run, "saliency", client="a", image=image) for image in range(3)]
    jobs.release(folders[1], "a")
    assert asked() == [0, 2]
    jobs.release(folders[1], "a")
    assert asked() == [0, 2]


def test_what_somebody_else_wants_stays_and_keeps_its_place(run):
    first = jobs.ask(run, "saliency", client="a", image=0)
    jobs.ask(run, "saliency", client="a", image=1)
    assert jobs.ask(run, "saliency", client="b", image=0) == first
    jobs.release(first, "a")
    assert asked() == [0, 1]
    jobs.release(first, "a")
    assert asked() == [0, 1], "a has withdrawn already"
    jobs.release(first, "b")
    assert asked() == [1]


def test_whoever_asks_again_is_counted_once(run):
    for _ in range(3):
        folder = jobs.ask(run, "saliency", client="a", image=0)
    jobs.release(folder, "a")
    assert asked() == []


def test_without_a_name_it_is_this_process_that_asks(run):
    folder = jobs.ask(run, "saliency", image=0)
    jobs.release(folder, "a")
    assert asked() == [0]
    jobs.release(folder)
    assert asked() == []


def test_a_question_withdrawn_and_asked_again_waits_behind_the_others(run):
    folder = jobs.ask(run, "saliency", client="a", image=0)
    jobs.ask(run, "saliency", client="b", image=1)
    jobs.release(folder, "a")
    jobs.ask(run, "saliency", client="a", image=0)
    assert asked() == [1, 0]


def test_the_newest_question_takes_the_place_of_the_one_before(run):
    def ask(client: str, image: int):
        return jobs.ask(run, "saliency", client=client, image=image)

    first = ask("a", 0)
    ask("b", 10)
    second = ask("a", 1)
    jobs.replace([first], [second], "a")
    assert asked() == [1, 10]
    third = ask("a", 2)
    queue.begin_attempt(queue.pending(Shelf())[0])
    jobs.replace([second], [third], "a")
    assert asked() == [10, 2], "the one before was in work already: a has had a turn"
    jobs.replace([third], [ask("a", 10)], "a")
    assert asked() == [10]


def test_a_cancelled_answer_has_no_clients(run):
    folder = jobs.ask(run, "loss_plane", client="a")
    jobs.ask(run, "loss_plane", client="b")
    assert jobs.answer_progress(folder).state == "waiting"
    jobs.cancel_answer(folder)
    assert queue.pending(Shelf()) == []
    assert jobs.answer_progress(folder).state == "stopped"
    jobs.cancel_answer(folder)


def test_tries_are_kept_when_somebody_else_asks_and_clients_when_it_is_tried(run):
    folder = jobs.ask(run, "saliency", client="a", image=0)
    (seen,) = queue.pending(Shelf())
    jobs.ask(run, "saliency", client="b", image=0)
    assert queue.begin_attempt(seen), "which was read before b came"
    jobs.ask(run, "saliency", client="c", image=0)
    (job,) = queue.pending(Shelf())
    assert (job.tries, list(job.clients)) == (1, ["a", "b", "c"])
    jobs.release(folder, "a")
    assert asked() == [0]


def test_what_was_withdrawn_is_not_brought_back_by_who_begins_it(run):
    folder = jobs.ask(run, "saliency", client="a", image=0)
    (seen,) = queue.pending(Shelf())
    jobs.release(folder, "a")
    assert queue.begin_attempt(seen)
    assert asked() == []


def test_a_job_of_an_older_version_has_no_clients(run):
    folder = jobs.ask(run, "saliency", client="a", image=0)
    (job,) = queue.pending(Shelf())
    old = {name: value for name, value in job.to_dict().items() if name != "clients"}
    job.file.write_text(json.dumps(old))
    jobs.release(folder, "a")
    assert asked() == [0]


def test_long_questions_have_a_worker_of_their_own(run, started):
    jobs.ask(run, "saliency", image=0)
    jobs.ask(run, "loss_plane")
    assert started == [queue.QUICK, queue.LONG]
    assert queue.LONG != queue.QUICK


def test_whether_a_worker_is_there_for_such_questions(run):
    quick, long = jobs.ask(run, "saliency", image=0), jobs.ask(run, "loss_plane")
    assert not jobs.has_worker(quick)
    with pool.slot_lock(Shelf(), queue.LONG):
        assert (jobs.has_worker(quick), jobs.has_worker(long)) == (False, True)


def test_a_run_and_a_recorded_one_of_its_name_do_not_share_a_job():
    shipped = recorded().runs()[0]
    own = Shelf().get_or_create(shipped.experiment)
    folders = {jobs.ask(run, "images", count=3) for run in (shipped, own)}
    assert {str(job.folder) for job in queue.pending(Shelf())} == {str(folder) for folder in folders}
    assert len(folders) == 2


@pytest.fixture
def ships(tmp_path, tiny, monkeypatch) -> Run:
    """A run on a shelf that stands for the recorded one."""
    shelf = Shelf(tmp_path / "shipped")
    monkeypatch.setattr(answers, "recorded", lambda: shelf)
    return shelf.get_or_create(tiny())


def test_an_answer_that_ships_is_found_before_anybody_is_asked(ships, started):
    folder = jobs.ask(ships, "loss_plane", seed=1)
    assert folder.is_relative_to(Shelf().path)
    jobs.release(folder)
    started.clear()
    answers.write_answer(folder, answers.ProbeAnswer({"how": {"commit": "0123456789ab"}}, {}))
    there = answers.pack_answer(folder, ships)
    (folder / answers.ANSWER).unlink()
    assert jobs.ask(ships, "loss_plane", seed=1) == there == ships.path / files.PROBES / folder.name
    assert (queue.pending(Shelf()), started) == ([], [])
    assert jobs.answer_progress(there).state == "done"
    assert jobs.ask(ships, "loss_plane", seed=2).is_relative_to(Shelf().path), "another question"
    assert started == [queue.LONG]


def test_an_error_is_asked_about_anew_after_a_while_and_an_answer_never(run):
    folders = [jobs.ask(run, "saliency", image=image) for image in (0, 1)]
    for folder, facts in zip(folders, ({"error": "cifar-10 is not here"}, {"label": 3}), strict=True):
        files.write_json(folder / answers.ANSWER, facts)
    for image in (0, 1):
        jobs.ask(run, "saliency", image=image)
    assert [(folder / answers.ANSWER).exists() for folder in folders] == [True, True]
    for folder in folders:
        os.utime(folder / answers.ANSWER, (0, 0))
    for image in (0, 1):
        jobs.ask(run, "saliency", image=image)
    assert [(folder / answers.ANSWER).exists() for folder in folders] == [False, True]
