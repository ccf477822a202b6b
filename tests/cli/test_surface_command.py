"""`resnet-edu surface`: asked, stopped, gone on with, shipped; and what is answered to wrong words."""

from __future__ import annotations

import json

import pytest

from resnet_edu import jobs, probes
from resnet_edu.runs import ComputeConfig, Shelf, answers
from resnet_edu.workers import answer

SMALL = ("--points=3", "--images=32")


@pytest.fixture
def run(train):
    train()
    return Shelf().runs()[0]


def test_a_plane_is_computed_once(command, run):
    said = command("surface", run.name, *SMALL)
    assert said.code == 0
    assert "3/3 columns" in said.out
    assert "statistics    running" in said.out
    folder = answers.answer_folder(run, "loss_plane", {"points": 3, "images": 32})
    assert str(folder) in said.out
    facts, arrays = answers.read_answer(folder)
    assert arrays["loss"].shape == (3, 3)
    assert facts["arguments"] == {"points": 3, "images": 32}, "what was left out is left to the probe"
    again = command("surface", "resnet-8", *SMALL)
    assert (again.code, "columns" in again.out) == (0, False)


@pytest.mark.parametrize(
    ("words", "probe", "shape"), [("--line", "loss_line", 3), ("--interpolation", "loss_interpolation", 5)]
)
def test_lines_are_asked_the_same_way(command, run, words, probe, shape):
    assert command("surface", run.name, words, *SMALL, "--statistics=batch").code == 0
    given = {"points": 3, "images": 32, "statistics": "batch"}
    given |= {"start": 0} if probe == "loss_interpolation" else {}
    assert answers.read_answer(answers.answer_folder(run, probe, given))[1]["loss"].shape == (shape,)


def test_ctrl_c_keeps_what_was_computed_and_the_same_command_goes_on(command, run, monkeypatch):
    computed, whole = [], probes.iter_answer

    def interrupted(*arguments):
        import signal

        for partial in whole(*arguments):
            computed.append(partial.done)
            if partial.done == 1 and len(computed) == 1:
                signal.raise_signal(signal.SIGINT)
            yield partial

    monkeypatch.setattr(probes, "iter_answer", interrupted)
    said = command("surface", run.name, *SMALL)
    assert said.code == 130
    assert "Stopping after the present column" in said.out
    assert "The same command resumes it." in said.out
    folder = answers.answer_folder(run, "loss_plane", {"points": 3, "images": 32})
    assert jobs.answer_progress(folder).state == "stopped"
    assert command("surface", run.name, *SMALL).code == 0
    assert computed == [1, 2, 3]


def test_an_answer_of_changed_source_does_not_ship(command, run, tmp_path, monkeypatch):
    monkeypatch.setattr(answer, "_provenance", lambda: ComputeConfig("cpu", commit="0123456789ab+"))
    shipped = Shelf(tmp_path / "shipped")
    shipped.get_or_create(run.experiment)
    said = command("surface", run.name, *SMALL, f"--into={shipped.path}")
    assert said.code == 2
    assert "was computed by uncommitted source" in said.error


def test_an_answer_ships_with_its_run(command, run, tmp_path, monkeypatch):
    monkeypatch.setattr(answer, "_provenance", lambda: ComputeConfig("cpu", commit="0123456789ab"))
    shipped = Shelf(tmp_path / "shipped").get_or_create(run.experiment)
    assert command("surface", run.name, *SMALL, f"--into={shipped.path.parent}").code == 0
    folder = answers.answer_folder(shipped, "loss_plane", {"points": 3, "images": 32})
    assert answers.answered(folder)
    assert json.loads((folder / answers.ANSWER).read_text())["how"]["commit"] == "0123456789ab"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("surface nothing", "no run is called 'nothing' in RUNS; `resnet-edu runs` lists them"),
        ("surface resnet-8 --points 4", "points is 4; allowed: odd numbers, 3 … 201"),
        ("surface resnet-8 --images 65", "images is 65; allowed: 2 … 64"),
        ("surface resnet-8 --span 0", "span is 0.0; allowed: above 0, to 100"),
        ("surface resnet-8 --statistics none", "statistics is 'none'; allowed: running, batch"),
        ("surface resnet-8 --interpolation --span 2", "loss_interpolation: got an unexpected keyword"),
    ],
)
def test_a_wrong_value_is_answered_in_one_line(command, run, words, message):
    said = command(*words.split())
    assert said.code == 2
    assert said.error.startswith("resnet-edu: " + message.replace("RUNS", str(Shelf().path)))
    assert said.error.count("\n") == 1


def test_two_slices_at_once_are_refused(command, run):
    said = command("surface", run.name, "--plane", "--line")
    assert said.code == 2
    assert "not allowed with argument" in said.error
