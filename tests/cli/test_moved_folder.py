"""A folder of photographs that was moved: `train`, `resume` and the questions take its new place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pictures import folder_of_jpegs

from resnet_edu.runs import RunError, Shelf, answers, with_folder

TINY = ("--net=resnet-8", "--width=2", "--side=8", "--batch=4", "--steps=4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_jpegs(tmp_path / "A", train=4, test=2)


def only():
    (run,) = Shelf().runs()
    return run


@pytest.fixture
def stopped(command, folder, tmp_path) -> Path:
    """A stopped run on a folder that is now elsewhere, at the returned place."""
    from commands import described

    Shelf().get_or_create(described(*TINY, f"--data=imagefolder:{folder}")).stop()
    return folder.rename(tmp_path / "C [moved]")


def test_without_a_place_it_is_said_how_to_give_one(command, stopped, tmp_path) -> None:
    said = command("resume", "resnet-8")
    assert said.code == 2
    assert said.error == (
        f"resnet-edu: the image folder {tmp_path / 'A'} does not exist; "
        "if it was moved, --data imagefolder:DIR says where to\n"
    )


@pytest.mark.parametrize("prefix", ["imagefolder:", ""])
def test_resume_takes_the_new_place(command, stopped, prefix, monkeypatch) -> None:
    monkeypatch.chdir(stopped.parent)
    assert command("resume", "resnet-8", f"--data={prefix}{stopped.name}").code == 0
    assert only().status().state == "done"
    assert only().experiment.data.path == str(stopped)


def test_the_same_training_with_the_new_place_goes_on(command, stopped) -> None:
    said = command("train", *TINY, f"--data=imagefolder:{stopped}")
    assert (said.code, said.error) == (0, "")
    assert only().status().state == "done"


def test_what_is_trained_already_takes_the_new_place_too(command, folder, tmp_path) -> None:
    command("train", *TINY, f"--data=imagefolder:{folder}")
    moved = folder.rename(tmp_path / "C")
    assert "is trained already" in command("train", *TINY, f"--data=imagefolder:{moved}").out
    assert only().experiment.data.path == str(moved)


def test_what_is_left_out_of_a_folder_is_said(command, folder) -> None:
    (folder / "train" / "class-0" / "IMG_1.HEIC").write_bytes(b"x")
    (folder / "train" / "__MACOSX").mkdir()
    said = command("train", *TINY, f"--data=imagefolder:{folder}")
    assert said.code == 0
    assert said.out.splitlines()[0] == (
        f"{folder}: 12 of 13 photographs are used. Left out: "
        "1 .heic: formats that are not read here, save them as JPEG or PNG."
    )


@pytest.mark.parametrize("words", [("resume",), ("probe", "lesions"), ("surface",)])
def test_a_folder_of_other_images_is_refused(command, folder, tmp_path, words) -> None:
    from commands import described

    Shelf().get_or_create(described(*TINY, f"--data=imagefolder:{folder}"))
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "train" / "class-0" / "0.jpg").unlink()
    said = command(words[0], "resnet-8", *words[1:], f"--data=imagefolder:{other}")
    assert said.code == 2
    assert f"{other} holds other images than {only().name} was begun with: its digest is " in said.error
    assert only().experiment.data.path == str(folder)


def test_a_run_without_a_folder_refuses_one(command, train, folder) -> None:
    train()
    said = command("probe", "resnet-8", "lesions", f"--data=imagefolder:{folder}")
    assert said.code == 2
    assert said.error.endswith(" was trained on digits; only a folder of images can be elsewhere\n")
    with pytest.raises(RunError, match="was trained on digits"):
        with_folder(only(), folder)


@pytest.mark.slow
def test_a_question_is_answered_from_the_new_place(command, folder, tmp_path) -> None:
    command("train", *TINY, f"--data=imagefolder:{folder}")
    moved = folder.rename(tmp_path / "C")
    said = command("probe", "resnet-8", "lesions")
    assert said.code == 2
    assert "does not exist; if it was moved, --data imagefolder:DIR says where to" in said.error
    said = command("probe", "resnet-8", "lesions", f"--data=imagefolder:{moved}")
    assert (said.code, said.error) == (0, ""), "the error of a moment ago is forgotten"
    again = moved.rename(tmp_path / "D")
    said = command("surface", "resnet-8", "--line", "--points=3", "--images=4", f"--data={again}")
    assert (said.code, said.error) == (0, "")


def test_a_folder_that_is_not_here_changes_no_place(folder, tmp_path) -> None:
    """As on a cluster: the experiment is named by its digest, and its folder is on another machine."""
    from dataclasses import replace

    from commands import described

    here = described(*TINY, f"--data=imagefolder:{folder}")
    there = replace(here, data=replace(here.data, path="/elsewhere"))
    Shelf().get_or_create(here)
    assert Shelf().get_or_create(there).experiment.data.path == str(folder)


def test_an_error_is_forgotten_when_the_experiment_s_file_changes(folder) -> None:
    from commands import described

    run = Shelf().get_or_create(described(*TINY, f"--data=imagefolder:{folder}"))
    place = answers.answer_folder(run, "lesions", {})
    place.mkdir(parents=True)
    answers.write_error(place, "no folder")
    answers.forget_error(place)
    assert answers.answered(place)
    moved = folder.rename(folder.parent / "C")
    with_folder(run, moved)
    answers.forget_error(place)
    assert not answers.answered(place)
