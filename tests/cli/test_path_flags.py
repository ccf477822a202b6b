"""Paths as they are written: ~, $VARIABLES, relative ones; and folders that cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import SMALL, described
from pictures import folder_of_jpegs
from waiting import until

from resnet_edu import jobs
from resnet_edu.experiment import Experiment
from resnet_edu.runs import Shelf, answers


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home with a space and brackets in its name, beside the working directory."""
    (tmp_path / "home [1]").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home [1]"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home [1]"


@pytest.mark.parametrize("spelled", ["~", "$HOME", "${HOME}", "../home [1]"])
def test_every_flag_that_takes_a_path(command, train, home, spelled) -> None:
    shelf = f"--shelf={spelled}/rüns"
    assert train(shelf).code == 0
    (run,) = Shelf(home / "rüns").runs()
    assert command("runs", shelf).out.count(run.name) == 1
    assert command("runs", "export", run.name, shelf, f"--to={spelled}/out").code == 0
    assert command("runs", "pack", run.name, shelf, f"--into={spelled}/packed").code == 0
    assert command("flow", run.name, shelf, f"--html={spelled}/flow.html").code == 0
    assert command("data", f"--data-dir={spelled}/sets").out.count("sets/cifar-10-batches-py") >= 1
    (home / "e.json").write_text(Experiment(seed=7).to_json())
    assert described(f"--experiment={spelled}/e.json").seed == 7
    folder_of_jpegs(home / "jpegs", train=2, test=1)
    for words in (
        (f"--data=imagefolder:{spelled}/jpegs",),
        ("--data=imagefolder", f"--data.path={spelled}/jpegs"),
    ):
        assert described(*words).data.path == str(home / "jpegs")
    assert sorted(path.name for path in home.iterdir()) == [
        "e.json",
        "flow.html",
        "jpegs",
        "out",
        "packed",
        "rüns",
    ]
    assert list(Path().iterdir()) == [], "nothing beside it, such as a folder called ~"


@pytest.mark.parametrize("flag", ["--shelf", "--data-dir", "--experiment"])
def test_a_variable_that_is_not_set_is_named(command, flag, monkeypatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    said = command("train", f"{flag}=$NOWHERE/x")
    assert said.code == 2
    assert f"argument {flag}: '$NOWHERE/x': the environment variable NOWHERE is not set" in said.error


def test_a_variable_in_an_image_folder_s_path(command, monkeypatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    said = command("train", "--data=imagefolder:$NOWHERE/x")
    assert said.error == (
        "resnet-edu: data.path is '$NOWHERE/x': the environment variable NOWHERE is not set\n"
    )


@pytest.fixture
def unusable(tmp_path, monkeypatch) -> Path:
    """A home that cannot be made, as of a user without one; none of the package's variables is set."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    for variable in (
        "RESNET_EDU_RUNS",
        "RESNET_EDU_DATA",
        "RESNET_EDU_CACHE",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
    ):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def test_a_home_that_cannot_be_used(command, train, unusable, monkeypatch) -> None:
    said = train()
    assert said.code == 2
    assert said.error.endswith("; --shelf or RESNET_EDU_RUNS takes another folder\n")
    assert said.error.count("\n") == 1
    said = command("data", "get", "cifar10")
    assert said.code == 2
    assert said.error.endswith("; --data-dir or RESNET_EDU_DATA takes another folder\n")
    monkeypatch.setenv("RESNET_EDU_RUNS", str(unusable / "runs"))
    assert train().code == 0, "the cache folder is not needed"
    assert command("runs").code == 0


def test_an_error_elsewhere_names_no_variable(command, train, tmp_path) -> None:
    train()
    (tmp_path / "file").touch()
    said = command("runs", "export", "resnet-8", "--to", tmp_path / "file")
    assert said.error == f"resnet-edu: [Errno 17] File exists: '{tmp_path / 'file'}'\n"


@pytest.mark.slow
def test_a_home_in_proc() -> None:
    gone = {name: text for name, text in os.environ.items() if not name.startswith(("RESNET_EDU", "XDG"))}
    command = [sys.executable, "-m", "resnet_edu", "train", *SMALL, "--steps=4"]
    said = subprocess.run(command, env=gone | {"HOME": "/proc/nohome"}, capture_output=True, text=True)
    assert said.returncode == 2
    assert said.stderr == (
        "resnet-edu: [Errno 2] No such file or directory: '/proc/nohome'; "
        "--shelf or RESNET_EDU_RUNS takes another folder\n"
    )


@pytest.mark.slow
def test_a_question_from_another_working_directory(command, train, tmp_path, monkeypatch) -> None:
    """The worker of the first question is still there, and has the first working directory."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESNET_EDU_IDLE", "60")
    train("--shelf=mine")
    assert command("probe", "resnet-8", "lesions", "--shelf=mine").code == 0
    monkeypatch.chdir(tmp_path / "other")
    (run,) = Shelf("../mine").runs()
    folder = jobs.ask(run, "lesions", images=32)
    until(lambda: answers.answered(folder))
    assert answers.read_answer(folder).error is None
