"""A probe's answer on disk: whole or growing, damaged, shipped."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_edu.runs import ComputeConfig, RunError, Shelf, answers, files
from resnet_edu.runs.answers import PartialAnswer, ProbeAnswer

COMPUTE = ComputeConfig("cpu", commit="0123456789ab")
HOW = COMPUTE.to_dict()
ARRAYS = {"loss": np.arange(6, dtype=np.float32).reshape(2, 3), "at": np.linspace(0, 1, 3)}


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "run" / "probes" / "loss_plane-0123"
    made.mkdir(parents=True)
    return made


def test_what_was_written_is_read(folder):
    assert not answers.answered(folder)
    answers.write_answer(folder, ProbeAnswer({"images": 3, "how": HOW}, ARRAYS))
    assert answers.answered(folder)
    facts, arrays = answers.read_answer(str(folder))
    assert facts == {"images": 3, "how": HOW}
    assert arrays.keys() == ARRAYS.keys()
    assert all(np.array_equal(array, arrays[name]) for name, array in ARRAYS.items())
    assert arrays["loss"].dtype == np.float32


def test_an_error_comes_without_arrays(folder):
    files.write_json(folder / answers.ANSWER, {"error": "image is 999"})
    assert answers.read_answer(folder) == ({"error": "image is 999"}, {})


def test_an_answer_that_is_not_there_yet(folder):
    with pytest.raises(RunError, match="holds no answer yet"):
        answers.read_answer(folder)


def test_nothing_in_an_answer_is_unpickled(folder):
    answers.write_answer(folder, ProbeAnswer({}, ARRAYS))
    with (folder / answers.ARRAYS).open("wb") as file:
        np.savez(file, bad=np.array([{"any": "object"}], dtype=object))
    with pytest.raises(
        RunError, match=r"answer.npz is damaged .*; remove its folder, and run the probe again"
    ):
        answers.read_answer(folder)


@given(where=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
def test_damage_is_said_or_harmless(tmp_path_factory, where, byte, cut):
    folder = tmp_path_factory.mktemp("answer")
    answers.write_answer(folder, ProbeAnswer({}, ARRAYS))
    content = bytearray((folder / answers.ARRAYS).read_bytes())
    where %= len(content)
    content[where] = byte
    (folder / answers.ARRAYS).write_bytes(content[:where] if cut else content)
    with contextlib.suppress(RunError):
        answers.read_answer(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_damaged_facts_are_named(folder, content):
    answers.write_answer(folder, ProbeAnswer({}, ARRAYS))
    (folder / answers.ANSWER).write_bytes(content)
    with pytest.raises(RunError, match=r"answer\.json"):
        answers.read_answer(folder)


def test_a_growing_answer_is_kept_until_it_is_whole(folder):
    assert answers.read_partial(folder, COMPUTE) is None
    answers.write_partial(folder, ARRAYS, PartialAnswer(2, 3, 4.0, COMPUTE))
    arrays, seconds = answers.read_partial(folder, COMPUTE)
    assert np.array_equal(arrays["loss"], ARRAYS["loss"])
    assert seconds == 4.0
    assert not answers.answered(folder)
    answers.write_answer(folder, ProbeAnswer({}, ARRAYS))
    assert {path.name for path in folder.iterdir()} == {answers.ANSWER, answers.ARRAYS}


def test_rows_of_another_source_or_damaged_ones_are_not_gone_on_from(folder):
    answers.write_partial(folder, ARRAYS, PartialAnswer(2, 3, 4.0, COMPUTE))
    assert answers.read_partial(folder, dataclasses.replace(COMPUTE, commit="ba9876543210")) is None
    (folder / answers.PARTIAL_ARRAYS).write_bytes(b"torn")
    assert answers.read_partial(folder, COMPUTE) is None
    (folder / answers.PARTIAL).write_text("{")
    assert answers.read_partial(folder, COMPUTE) is None


def test_how_far_it_is_and_how_long_it_will_take(folder):
    assert answers.progress_of(folder, queued=True) == answers.AnswerProgress("waiting")
    answers.write_partial(folder, ARRAYS, PartialAnswer(2, 10, 4.0, COMPUTE))
    stopped = answers.progress_of(folder, queued=False)
    assert (stopped.state, stopped.done, stopped.total, stopped.seconds_left) == ("stopped", 2, 10, None)
    with answers.answer_lock(folder):
        running = answers.progress_of(folder, queued=True)
    assert (running.state, running.seconds_left) == ("running", 16.0)
    answers.write_answer(folder, ProbeAnswer({}, ARRAYS))
    assert answers.progress_of(folder, queued=False).state == "done"


def test_an_answer_to_ship_lies_with_its_run(folder, tiny, tmp_path):
    answers.write_answer(folder, ProbeAnswer({"images": 3, "how": HOW}, ARRAYS))
    run = Shelf(tmp_path / "shipped").get_or_create(tiny())
    packed = answers.pack_answer(folder, run)
    assert packed == run.path / "probes" / folder.name
    assert answers.read_answer(packed)[0] == {"images": 3, "how": HOW}


@pytest.mark.parametrize(
    ("facts", "most", "message"),
    [
        ({"error": "no such image"}, 200_000, "holds an error: no such image"),
        (
            {"how": {"commit": "0123456789ab+"}},
            200_000,
            "uncommitted source; commit, compute again, then pack",
        ),
        ({"how": {"commit": None}}, 200_000, "uncommitted source"),
        ({}, 200_000, "uncommitted source"),
        ({"how": HOW}, 100, "bytes; allowed: 100"),
    ],
)
def test_what_may_not_ship(folder, tiny, tmp_path, monkeypatch, facts, most, message):
    monkeypatch.setattr(answers, "MOST_BYTES", most)
    files.write_arrays(folder / answers.ARRAYS, ARRAYS)
    (folder / answers.ANSWER).write_text(json.dumps(facts))
    run = Shelf(tmp_path / "shipped").get_or_create(tiny())
    with pytest.raises(RunError, match=message):
        answers.pack_answer(folder, run)
    assert not (run.path / "probes").exists()
