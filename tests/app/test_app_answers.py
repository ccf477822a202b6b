"""Pages that wait for answers: a reader who moves on is not answered for what came before, and takes no
answer from others; how far a long one is can be seen."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest
import test_app_saliency as page
from streamlit.testing.v1 import AppTest

from resnet_edu import jobs
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import ComputeConfig, Shelf, answers
from resnet_edu.runs.answers import PartialAnswer, ProbeAnswer

pytestmark = pytest.mark.slow

strip = page.strip


@pytest.fixture
def moving(opened, strip):
    """`moving()` opens the page in a session of its own; what it returns moves to another image."""

    def session():
        at = opened("saliency", depth=56)

        def move(image: int):
            at.query_params["image"] = str(image)
            at.run()
            assert not at.exception
            return at

        return move

    return session


def waiting() -> list[int]:
    """Which images' maps are asked for, oldest question first; both nets are asked each time."""
    wishes = [job for job in queue.pending(Shelf()) if job.probe == "saliency"]
    images = [job.arguments["image"] for job in wishes]
    assert images[::2] == images[1::2]
    return images[::2]


def test_ten_images_in_a_row_leave_one_question(moving):
    move = moving()
    for image in range(1, 11):
        move(image)
        assert waiting() == [image]


def test_a_question_in_work_is_let_be_and_its_answer_is_shown_when_the_reader_comes_back(moving):
    move = moving()
    move(1)
    for job in queue.pending(Shelf()):
        queue.begin_attempt(job)
    move(2)
    assert waiting() == [2]
    page.answer_maps(image=1, targets=(1, 1))
    assert len(move(1).get("plotly_chart")) == 1
    assert 2 not in waiting()


def test_two_readers_of_one_image_and_one_moves_on(moving):
    one, other = moving(), moving()
    one(3)
    other(3)
    assert waiting() == [3]
    one(4)
    assert waiting() == [3, 4], "the other still wants it"
    other(5)
    assert waiting() == [5, 4], "and has kept its place"


def test_what_was_cancelled_is_asked_for_again_by_whoever_waits(moving):
    move = moving()
    at = move(3)
    for job in queue.pending(Shelf()):
        jobs.cancel_answer(Path(job.folder))
    assert waiting() == []
    at.run()
    assert waiting() == [3]


def test_the_strip_s_question_is_not_withdrawn_by_the_maps(opened, no_workers):
    at = opened("saliency")
    at.run()
    probes = [job.probe for job in queue.pending(Shelf())]
    assert probes == ["images", "images"]


def long_page() -> None:
    """Asks for two planes, as a page with a long question does."""
    import sys

    sys.path.insert(0, APP)  # noqa: F821  given below
    from probe_client import ask_probes

    from resnet_edu.runs import recorded

    run = recorded().find("resnet-8-digits-s0")
    found = ask_probes([(run, "loss_plane", {"seed": seed}) for seed in (91, 92)], "Computing")
    if found:
        import streamlit as st

        st.title(f"{len(found)} planes")


@pytest.fixture
def script(no_workers, tmp_path) -> AppTest:
    file = tmp_path / "page.py"
    source = inspect.getsource(long_page).replace("APP", repr(str(page.MAIN.parent)))
    file.write_text(source + "\nlong_page()\n")
    return AppTest.from_file(str(file), default_timeout=60)


def test_a_long_answer_shows_how_far_it_is(script):
    at = script.run()
    assert at.status[0].label == "Computing"
    first, second = (Path(job.folder) for job in queue.pending(Shelf()))
    compute = ComputeConfig("cpu")
    answers.write_partial(first, {}, PartialAnswer(5, 25, 20.0, compute))
    with answers.answer_lock(first):
        (bar,) = at.run().get("progress")
    assert bar.proto.value == 10  # %: five of two times 25 columns
    assert bar.proto.text == "Computing · about 3 min left"
    answers.write_answer(first, ProbeAnswer({}, {}))
    answers.write_partial(second, {}, PartialAnswer(20, 25, 10.0, compute))
    (bar,) = at.run().get("progress")
    assert (bar.proto.value, bar.proto.text) == (90, "Computing · about 2 s left")
    answers.write_answer(second, ProbeAnswer({}, {}))
    assert at.run().title[0].value == "2 planes"


def test_patience_ends_without_any_worker_and_lasts_behind_others(script, monkeypatch):
    at = script.run()
    monkeypatch.setattr(sys.modules["probe_client"], "TIMEOUT", -1)
    assert at.run().error[0].value.startswith("No answer for ")
    with pool.slot_lock(Shelf(), queue.LONG):
        at.run()
    assert (len(at.error), at.status[0].label) == (0, "Computing")
