"""The photographs that ship: each may, each is credited, and each reaches a net as an own picture does."""

import itertools
import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_edu import data, pictures
from resnet_edu.experiment import Cifar10, Digits
from resnet_edu.photographs import FOLDER, LICENCES, NOT_FROM_DATA_SET, Photograph, named, photographs
from resnet_edu.pictures import PictureError, fitted

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
EACH = [pytest.param(photograph, id=photograph.name) for photograph in photographs()]


def rows() -> dict[str, dict]:
    table = tomllib.loads((FOLDER / "sources.toml").read_text(encoding="utf-8"))["photograph"]
    return {row["name"]: row for row in table}


def test_every_file_is_listed_and_every_name_has_a_file() -> None:
    listed = [photograph.path.name for photograph in photographs()]
    assert len(set(listed)) == len(listed)
    others = {"__init__.py", "__pycache__", "sources.toml", "README.md"}
    assert {path.name for path in FOLDER.iterdir()} - others == set(listed)


def test_at_least_six_classes_each_in_one_place() -> None:
    labels = [label for label, _ in itertools.groupby(photographs(), lambda photograph: photograph.label)]
    assert len(labels) >= 6
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("photograph", EACH)
def test_label_licence_and_credit(photograph: Photograph) -> None:
    assert photograph.label in CLASSES
    assert photograph.licence in LICENCES
    for word in (
        photograph.title,
        photograph.author,
        photograph.licence,
        photograph.label,
        NOT_FROM_DATA_SET,
    ):
        assert word in photograph.caption
    assert (
        photograph.source.startswith("https://commons.wikimedia.org/wiki/File:") or "/" in photograph.source
    )
    assert "\n" not in photograph.caption


@pytest.mark.parametrize("photograph", EACH)
def test_the_evidence_speaks_of_that_licence(photograph: Photograph) -> None:
    row = rows()[photograph.name]
    assert "(Debian)" in row["evidence"]
    assert "line" in row["evidence"]
    words = {"CC0-1.0": "cc0", "public domain": "public domain"}[photograph.licence]
    assert words in row["quote"].lower().replace("public-domain", "public domain")


@pytest.mark.parametrize("photograph", EACH)
def test_a_small_square_cut_from_the_packaged_picture(photograph: Photograph) -> None:
    assert photograph.path.stat().st_size <= 40_000
    with Image.open(photograph.path) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (256, 256))
        assert not image.getexif()
    left, top, side = rows()[photograph.name]["crop"]
    width, height = rows()[photograph.name]["packaged_size"]
    assert min(left, top) >= 0
    assert side >= 256
    assert left + side <= width
    assert top + side <= height


def test_all_together_stay_small() -> None:
    assert sum(photograph.path.stat().st_size for photograph in photographs()) <= 500_000


@pytest.mark.parametrize("photograph", EACH)
def test_reduced_as_an_own_picture_is(photograph: Photograph) -> None:
    own = pictures.decoded(photograph.path.read_bytes())
    assert np.array_equal(photograph.pixels(), own)
    small = fitted(photograph.pixels(), *pictures.size_for(Cifar10()))
    assert (small.shape, small.dtype) == ((3, 32, 32), np.uint8)
    assert small.std() > 25  # something is to be seen
    assert fitted(photograph.pixels(), *pictures.size_for(Digits())).shape == (1, 8, 8)


def test_no_two_show_the_same() -> None:
    small = {fitted(photograph.pixels(), 3, 32).tobytes() for photograph in photographs()}
    assert len(small) == len(photographs())


def test_the_readme_lists_what_the_table_does() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert text.count(".jpg |") == len(photographs())
    for photograph in photographs():
        line = next(line for line in text.splitlines() if line.startswith(f"| {photograph.name}.jpg "))
        for word in (
            photograph.label,
            photograph.title,
            photograph.author,
            photograph.source,
            photograph.licence,
        ):
            assert word in line


def test_by_name() -> None:
    assert named("owl").label == "bird"
    with pytest.raises(PictureError, match=r"name is '\.\./owl'; allowed: kitten, .*toad"):
        named("../owl")


def test_a_missing_file_is_said_in_one_line(tmp_path: Path) -> None:
    gone = Photograph("gone", "cat", "a cat", "none", "none", LICENCES[0], tmp_path / "gone.jpg")
    with pytest.raises(PictureError, match=r"gone\.jpg is missing; install resnet-edu again"):
        gone.pixels()


def test_labels_are_spelled_as_the_data_set_spells_them() -> None:
    states = {row.kind: row.state for row in data.status()} if "RESNET_EDU_DATA" in os.environ else {}
    if states.get("cifar10", "absent") == "absent":
        pytest.skip("RESNET_EDU_DATA names no folder with CIFAR-10")
    assert tuple(data.load(Cifar10()).class_names) == CLASSES
