"""What a worker of an executor does with a run that came to it, and with data of its own."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from executors import Told, at_once, ended
from PIL import Image

from resnet_edu import jobs
from resnet_edu.data import resolve
from resnet_edu.experiment import Digits, Experiment, ImageFolder
from resnet_edu.runs import Shelf


def test_a_failure_names_the_machine(tiny, monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "lab-7")
    arm = Experiment(data=Digits(train=9999), recipe=tiny().recipe)
    runs = jobs.submit_all([arm, tiny()], executor=Told(at_once))
    assert ended(runs) == ["failed", "done"], "one that fails does not keep the others"
    said = "on lab-7: train is 9999; digits has 1500 training images (0 takes all)"
    assert runs[0].status().message == said


@pytest.fixture
def photographs(tmp_path) -> ImageFolder:
    """A folder of images, and its description with the digest."""
    for number, name in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        (tmp_path / "ours/photographs" / name).mkdir(parents=True)
        pixels = np.full((8, 8, 3), 60 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "ours/photographs" / name / "one.png")
    return resolve(ImageFolder(path=str(tmp_path / "ours/photographs"), side=8))


def test_a_folder_of_images_is_found_among_the_worker_s_own_data(tiny, photographs, tmp_path, monkeypatch):
    arm = dataclasses.replace(tiny(batch=2), data=photographs)
    (tmp_path / "ours").rename(tmp_path / "theirs")
    monkeypatch.setenv("RESNET_EDU_DATA", str(tmp_path / "theirs"))
    (run,) = jobs.submit_all([arm], executor=Told(at_once))
    assert ended([run]) == ["done"]
    assert run.experiment == arm, "the shelf says where we have it"


def test_a_folder_with_other_images_is_not_taken_for_it(tiny, photographs, tmp_path, monkeypatch):
    arm = dataclasses.replace(tiny(batch=2), data=photographs)
    monkeypatch.setenv("RESNET_EDU_DATA", str(tmp_path / "theirs"))
    (tmp_path / "ours").rename(tmp_path / "theirs")
    (tmp_path / "theirs/photographs/train/cat/one.png").rename(
        tmp_path / "theirs/photographs/train/cat/x.png"
    )
    assert ended(jobs.submit_all([arm], executor=Told(at_once))) == ["failed"]
    message = Shelf().runs()[0].status().message
    assert re.match(r"on .*: the content of .*theirs/photographs changed since it was named", message)


def test_a_folder_that_the_worker_does_not_have(tiny, photographs, tmp_path, monkeypatch):
    arm = dataclasses.replace(tiny(batch=2), data=photographs)
    monkeypatch.setenv("RESNET_EDU_DATA", str(tmp_path / "empty"))
    (tmp_path / "ours").rename(tmp_path / "gone")
    assert ended(jobs.submit_all([arm], executor=Told(at_once))) == ["failed"]
    message = Shelf().runs()[0].status().message
    assert re.match(r"on .*: the image folder .*empty/photographs does not exist", message)


def test_a_folder_gets_its_digest_before_it_travels(tiny, photographs):
    arm = dataclasses.replace(tiny(batch=2), data=dataclasses.replace(photographs, digest=""))
    runs = jobs.submit_all([arm], executor=Told(at_once))
    assert runs[0].experiment.data.digest == photographs.digest != ""
    ended(runs)
