"""`resnet-edu train --budget imagenet --data imagefolder:DIR`, small."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import described
from pictures import folder_of_jpegs

from resnet_edu.experiment import ImageFolder, Imagenet, Jitter, Plateau, Recipe
from resnet_edu.runs import Shelf

TINY = ("--net=resnet-18", "--net.width=2", "--side=32", "--batch=4", "--steps=3", "--workers=0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_jpegs(tmp_path / "jpegs", train=6, test=3)


def words(folder: Path, *more: str) -> tuple[str, ...]:
    return "--budget=imagenet", f"--data=imagefolder:{folder}", *TINY, *more


def only(shelf: Path | None = None):
    (run,) = Shelf(shelf).runs()
    return run


def test_the_budget_is_the_paper_s_recipe(folder):
    experiment = described("--budget=imagenet", f"--data=imagefolder:{folder}")
    assert experiment.net == Imagenet(depth=34)
    assert experiment.recipe == Recipe(
        steps=600_000, batch=256, lr=0.1, momentum=0.9, weight_decay=1e-4, schedule=Plateau()
    )
    assert isinstance(experiment.data, ImageFolder)
    assert (experiment.data.side, experiment.data.scales) == (224, (256, 480))
    assert (experiment.data.view, len(experiment.data.digest)) == (Jitter(lighting=0.1), 64)
    assert experiment.name.startswith("resnet-34-imagefolder-s0-")


def test_a_smaller_side_keeps_the_proportions(folder):
    def scales(*more):
        return described("--budget=imagenet", f"--data=imagefolder:{folder}", *more).data.scales

    assert scales("--side=112") == (128, 240)
    assert scales("--side=112", "--low=120") == (120, 240)
    assert scales("--side=112", "--high=112", "--low=112") == (112, 112)


def test_without_a_folder(command):
    said = command("train", "--budget=imagenet")
    assert said.code == 2
    assert "data.path is empty; it takes a folder that holds train/CLASS/*.jpg" in said.error


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--low=20", "low is 20 and high is 69; allowed: side ≤ low ≤ high, and side is 32"),
        ("--high=33", "low is 37 and high is 33; allowed: side ≤ low ≤ high, and side is 32"),
        ("--lighting=-1", "lighting is -1.0; allowed: 0 … 10"),
        ("--view=corner", "data.view is 'corner'; allowed: centre, jitter"),
        ("--augment=true", "set augment to false: view jitter already augments"),
        (
            "--drops=0.5",
            "leave out drops or schedule plateau: drops are fixed steps, and a plateau finds its own",
        ),
        ("--workers=300", "workers is 300; allowed: 0 … 256"),
    ],
)
def test_what_does_not_go_together(command, folder, flag, message):
    said = command("train", *words(folder, flag))
    assert said.code == 2
    assert said.error.startswith(f"resnet-edu: {message}")
    assert said.error.count("\n") == 1


def test_it_is_trained_and_both_tests_are_told(command, folder):
    said = command("train", *words(folder))
    assert said.code == 0, said.error
    evals = only().evals()
    assert evals["test_error_10_crops"].isna().tolist() == [True] * (len(evals) - 1) + [False]
    assert f"ten crops an image {evals['test_error_10_crops'].iloc[-1]:.2f} %" in said.out
    assert only().steps()["lr"].tolist() == [0.1] * 3
    assert "test_error_10_crops" in command("runs", "show", "resnet-18").out.replace("\n", "")


def test_a_folder_that_was_moved_is_the_same_data(command, folder, tmp_path):
    command("train", *words(folder))
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert "is trained already" in command("train", *words(moved)).out


def test_an_image_that_cannot_be_read_is_named_and_the_run_resumes(command, folder, tmp_path, monkeypatch):
    from resnet_edu.data import loading

    monkeypatch.setattr(loading, "COLOUR_IMAGES", 2)
    whole = command("train", *words(folder, f"--shelf={tmp_path / 'whole'}"))
    assert whole.code == 0
    saved = {path: path.read_bytes() for path in (folder / "test").rglob("*.jpg")}
    fingerprint = "resnet_edu.experiment.folder.fingerprint"
    digest = only(tmp_path / "whole").experiment.data.digest
    monkeypatch.setattr(fingerprint, lambda path: digest)  # as when a disk fails after the start
    path = next(iter(saved))
    path.write_bytes(b"")
    said = command("train", *words(folder))
    assert said.code == 2
    assert f"{path} cannot be read (" in said.error
    assert said.error.count("\n") == 1
    assert (only().status().state, only().status().message) == ("failed", said.error[12:].strip())
    path.write_bytes(saved[path])
    assert command("resume", "resnet-18", "--workers=0").code == 0
    assert same_numbers(only(), only(tmp_path / "whole"))


def test_a_broken_image_leaves_no_run_and_the_mended_folder_is_trained(command, folder, monkeypatch):
    from resnet_edu.data import loading

    monkeypatch.setattr(loading, "COLOUR_IMAGES", 2)
    path = next((folder / "test").rglob("*.jpg"))
    content = path.read_bytes()
    path.write_bytes(content[:300])
    said = command("train", *words(folder))
    assert (said.code, said.error.count("\n")) == (2, 1)
    assert f"1 of 18 images cannot be read: {path} (" in said.error
    assert Shelf().runs() == []
    path.write_bytes(content)
    assert command("train", *words(folder)).code == 0


def same_numbers(one, other) -> bool:
    timeless = ["step", "loss", "lr"]
    weights, others = one.weights(), other.weights()
    return (
        one.steps()[timeless].equals(other.steps()[timeless])
        and one.evals().equals(other.evals())
        and all(np.array_equal(tensor, others[name]) for name, tensor in weights.items())
    )


@pytest.mark.slow
def test_ctrl_c_on_the_whole_group_leaves_a_run_that_resumes_to_the_bit(command, folder, tmp_path):
    """As a terminal sends it: to the processes that decode, too."""
    long = words(folder, "--steps=150", "--workers=2")
    train_it = [sys.executable, "-m", "resnet_edu", "train", *long]
    process = subprocess.Popen(
        train_it, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        while not (Shelf().runs() and only().status().step > 5):
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in out
    assert only().status().state == "stopped"
    assert 5 < only().status().step < 150
    assert command("resume", "resnet-18", "--workers=0").code == 0
    assert command("train", *long, "--workers=0", f"--shelf={tmp_path / 'whole'}").code == 0
    assert same_numbers(only(), only(tmp_path / "whole"))
