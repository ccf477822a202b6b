"""The digest that names a folder: kept where reading it again is long, and never a wrong one."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from pictures import folder_of_jpegs

from resnet_edu.experiment import Experiment, ImageFolder
from resnet_edu.experiment import folder as image_folder
from resnet_edu.experiment.folder import DataMissing, fingerprint, listing, resolved


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that was made an hour ago, and counts as large."""
    made = folder_of_jpegs(tmp_path / "jpegs", train=3, test=2)
    for path in made.rglob("*.jpg"):
        os.utime(path, (path.stat().st_mtime - 3600,) * 2)
    monkeypatch.setattr(image_folder, "WORTH_KEEPING", 100)
    return made


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Which images were read."""
    found: list[Path] = []
    digest = image_folder._digest
    monkeypatch.setattr(image_folder, "_digest", lambda path: found.append(path) or digest(path))
    return found


def test_a_large_folder_is_read_once(folder: Path, reads: list[Path]) -> None:
    first = fingerprint(folder)
    assert len(reads) == 10
    assert fingerprint(folder) == fingerprint(str(folder)) == first
    assert len(reads) == 10


def test_a_small_or_new_one_is_read_again(folder: Path, reads: list[Path], monkeypatch) -> None:
    monkeypatch.setattr(image_folder, "WORTH_KEEPING", 10**9)
    fingerprint(folder), fingerprint(folder)
    assert len(reads) == 20
    monkeypatch.setattr(image_folder, "WORTH_KEEPING", 100)
    (folder / "train" / "class-0" / "0.jpg").touch()
    fingerprint(folder), fingerprint(folder)
    assert len(reads) == 40


@pytest.mark.parametrize("change", ["content", "name", "more", "less", "cache"])
def test_what_changed_is_read_again(folder: Path, reads: list[Path], change: str, tmp_path: Path) -> None:
    first = fingerprint(folder)
    image = folder / "train" / "class-0" / "0.jpg"
    if change == "content":
        mark = image.stat()
        image.write_bytes(image.read_bytes()[::-1])
        os.utime(image, ns=(mark.st_atime_ns, mark.st_mtime_ns + 1))
    elif change == "name":
        image.rename(image.with_name("zero.jpg"))
    elif change == "more":
        image.with_name("9.jpg").write_bytes(image.read_bytes())
    elif change == "less":
        image.unlink()
    else:
        (kept,) = (tmp_path / "cache" / "folders").iterdir()
        kept.write_text("{")
    again = fingerprint(folder)
    assert len(reads) > 15
    assert (again == first) == (change == "cache")


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path, reads, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RESNET_EDU_CACHE", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    assert fingerprint(folder) == fingerprint(folder)
    assert len(reads) == 20


def test_names_and_labels(folder: Path) -> None:
    found = listing(folder)
    assert found.classes == ("class-0", "class-1")
    assert found.train[:4] == (
        ("train/class-0/0.jpg", 0),
        ("train/class-0/1.jpg", 0),
        ("train/class-0/2.jpg", 0),
        ("train/class-1/0.jpg", 1),
    )
    assert [name for name, _ in found.test] == [name for name in found.names if name.startswith("test/")]


def test_an_experiment_gets_its_digest_and_a_path_that_holds_everywhere(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder.parent)
    found = resolved(Experiment(data=ImageFolder(path="jpegs")))
    assert isinstance(found.data, ImageFolder)
    assert (found.data.digest, found.data.path) == (fingerprint(folder), str(folder))
    assert resolved(found) == found
    assert resolved(Experiment()) == Experiment()
    wrong = dataclasses.replace(found, data=dataclasses.replace(found.data, digest="ab"))
    with pytest.raises(DataMissing, match="changed since it was named"):
        resolved(wrong)
