"""`resnet-edu probe RUN QUESTION`: asked of a worker, kept, shown and written."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from resnet_edu import jobs, probes
from resnet_edu.cli import probe
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import Shelf, answers, recorded
from resnet_edu.workers import process

RUN = "resnet-8-digits-s0"


@pytest.fixture
def answering(monkeypatch):
    """The worker's part is done here, at once; its answers are counted."""
    asked = []

    def start(shelf, slot):
        asked.extend(job.probe for job in queue.pending(shelf))
        process.serve(shelf, slot, 0.01)

    monkeypatch.setattr(pool, "start", start)
    return asked


def test_the_table_is_the_probe_s_and_is_computed_once(command, answering, tmp_path):
    words = ("probe", RUN, "lesions", "--images", 50, "--of=train")
    said = command(*words, "--csv", tmp_path / "table.csv")
    assert (said.code, said.error) == (0, "")
    facts, columns = probes.answer(recorded().find(RUN), "lesions", {"images": 50, "of": "train"})
    table = pd.read_csv(tmp_path / "table.csv")
    assert list(table) == list(columns)
    assert np.allclose(table["error"], columns["error"])
    lines = said.out.splitlines()
    assert f"intact_error  {facts['intact_error']:.4g}" in lines
    (row,) = (line.split() for line in lines if "stages.1.0" in line)
    assert row[:5] == ["1", "stages.1.0", "1", "True", f"{columns['error'][1]:.2f}"]
    assert lines[-1] == str(tmp_path / "table.csv")
    again = command(*words)
    assert again.out.splitlines()[: len(lines) - 2] == lines[:-2]
    assert answering == ["lesions"], "the second time it was there"


def test_the_app_finds_what_the_command_asked(command, answering):
    command("probe", RUN, "images", "--count=3")
    folder = jobs.ask(recorded().find(RUN), "images", count=3)
    assert len(json.loads((folder / answers.ANSWER).read_text())["labels"]) == 3
    assert answering == ["images"]


def test_lists_and_objects_are_arguments_too(command, answering):
    names = "stages.0.0,stages.1.0"
    said = command("probe", RUN, "lesion", "--delete", names, "--scale", '{"stages.2.0": {"branch": 0.5}}')
    assert "touched  stages.0.0, stages.1.0, stages.2.0" in said.out
    assert said.code == 0


def test_maps_are_told_by_their_shape_and_are_no_table(command, answering, tmp_path):
    said = command("probe", RUN, "images", "--count=2")
    assert "images  uint8 [2, 1, 8, 8]" in said.out
    said = command("probe", RUN, "images", "--count=2", f"--csv={tmp_path / 'table.csv'}")
    assert said.code == 2
    assert said.error.endswith("the answer to images is no table\n")


def test_a_run_of_one_s_own_comes_first(command, answering, train):
    train()
    (own,) = Shelf().runs()
    assert command("probe", "resnet-8", "lesions", "--images=4").code == 0
    assert list((own.path / "probes").glob("lesions-*/answer.json"))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("nothing", "lesions"), "no run is called 'nothing' in "),
        (("resnet-8-digits", "lesions"), "'resnet-8-digits' could be resnet-8-digits-s0-"),
        ((RUN, "lesions", "--images"), "--images is no argument; arguments go as --name value"),
        ((RUN, "lesions", "50"), "50 is no argument; arguments go as --name value"),
        ((RUN, "lesions", "--images", "1"), "images is 1; allowed: 2 …"),
        ((RUN, "lesions", "--colour", "red"), "lesions: got an unexpected keyword argument 'colour'"),
        ((RUN, "lesion", "--delete", "head"), "delete: there is no unit 'head'; units: stages.0.0, "),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(command, answering, words, error):
    said = command("probe", *words)
    assert said.code == 2
    assert said.error.startswith(f"resnet-edu: {error}")
    assert said.error.count("\n") == 1


def test_an_unknown_question_is_answered_with_those_there_are(command):
    said = command("probe", RUN, "x-ray")
    assert said.code == 2
    assert "argument QUESTION: invalid choice: 'x-ray' (choose from 'saliency'" in said.error


def test_help_tells_every_question_in_a_sentence(command):
    said = command("probe", "--help")
    assert said.code == 0
    for name, sentence in probe.QUESTIONS.items():
        assert f"  {name} " in said.out
        assert f"  {sentence}\n" in said.out


def test_help_on_a_question_tells_its_arguments_and_measure(command):
    said = command("probe", RUN, "path_lengths", "--help")
    assert said.code == 0
    assert said.out.startswith("--images  default: 32\n--samples  default: 10\n")
    assert "One row per path length, in branches" in said.out


def test_ctrl_c_leaves_the_question_with_the_worker(command, monkeypatch):
    monkeypatch.setattr(pool, "start", lambda shelf, slot: None)

    def pressed(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(probe.time, "sleep", pressed)
    said = command("probe", RUN, "lesions")
    assert said.code == 130
    assert said.out == "The worker goes on; the same command shows its answer.\n"
    assert [job.probe for job in queue.pending(Shelf())] == ["lesions"]


@pytest.mark.slow
def test_a_real_worker_answers(monkeypatch):
    monkeypatch.setenv("RESNET_EDU_IDLE", "0.1")
    said = subprocess.run(
        [sys.executable, "-m", "resnet_edu", "probe", RUN, "activations", "--images=10"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert "stem.relu" in said.stdout
