"""Folders as cameras, archives and network drives make them: junk is skipped, what is not used is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pictures import folder_of_jpegs

from resnet_edu import jobs
from resnet_edu.experiment import Digits, Experiment, ImageFolder
from resnet_edu.experiment.folder import DataMissing, fingerprint, left_out, listing

JUNK_FILES = (
    ".DS_Store",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "._0.jpg",
    ".hidden.jpg",
    "Icon\r",
    "~$a.jpg",
)
JUNK_FOLDERS = (
    "__MACOSX",
    "@eaDir",
    "@Recycle",
    "#recycle",
    "#snapshot",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    ".ipynb_checkpoints",
    ".thumbnails",
    ".git",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_jpegs(tmp_path / "jpegs", train=3, test=2)


def put(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def unused(folder: Path) -> str:
    return left_out(ImageFolder(path=str(folder)))


def test_a_folder_that_is_used_as_a_whole_needs_no_sentence(folder: Path) -> None:
    assert unused(folder) == ""
    assert left_out(Digits()) == ""


def test_junk_changes_nothing(folder: Path) -> None:
    before, digest = listing(folder), fingerprint(folder)
    places = [folder, *(folder / split for split in ("train", "test")), folder / "train" / "class-0"]
    for place in places:
        for name in JUNK_FILES:
            put(place / name)
        for name in JUNK_FOLDERS:
            put(place / name / "0.jpg")
            put(place / name / "class-0" / "0.jpg")
    assert listing(folder) == before
    assert fingerprint(folder) == digest
    assert unused(folder) == ""


def test_what_is_not_used_is_counted_with_its_reason(folder: Path) -> None:
    for number in range(5):
        put(folder / "train" / "class-0" / f"IMG_{number}.HEIC")
    put(folder / "test" / "class-1" / "raw.CR2")
    put(folder / "test" / "class-1" / "clip.MP4")
    for number in range(4):
        shutil.copy(folder / "train" / "class-0" / "0.jpg", folder / "train" / f"{number}.JPG")
    for name in ("class-0/2024/a.jpg", "class-0/2024/b.avif", "class-1/summer/c.png"):
        put(folder / "train" / name)
    put(folder / "train" / "class-0" / "notes.txt")
    put(folder / "train" / "class-0" / "LICENSE")
    assert unused(folder) == (
        f"{folder}: 10 of 23 photographs are used. Left out: "
        "5 .heic, 1 .cr2: formats that are not read here, save them as JPEG or PNG; "
        "3 in folders inside a class (train/class-0/2024, train/class-1/summer): move them up; "
        "4 beside the classes' folders: move them into one; 1 video; "
        "1 .txt, 1 without a suffix: no pictures."
    )
    assert len(listing(folder).names) == 10


@pytest.mark.parametrize("suffix", ["heif", "AVIF", "dng", "NEF", "arw", "jxl", "jp2", "svg", "psd", "jfif"])
def test_every_format_that_is_not_read_is_named(folder: Path, suffix: str) -> None:
    put(folder / "train" / "class-0" / f"a.{suffix}")
    assert f"10 of 11 photographs are used. Left out: 1 .{suffix.lower()}: formats that" in unused(folder)


@pytest.mark.parametrize("suffix", ["JPG", "Jpeg", "PNG", "TIF", "TIFF", "WebP", "BMP", "gif"])
def test_capital_letters_are_read(folder: Path, suffix: str) -> None:
    put(folder / "train" / "class-0" / f"a.{suffix}")
    assert f"train/class-0/a.{suffix}" in listing(folder).names
    assert unused(folder) == ""


def test_every_empty_class_is_named_with_what_it_holds(folder: Path) -> None:
    for split in ("train", "test"):
        put(folder / split / "cow" / "IMG_1.HEIC")
        put(folder / split / "dog" / "summer" / "a.jpg")
        (folder / split / "emu").mkdir()
    with pytest.raises(DataMissing) as caught:
        listing(folder)
    assert str(caught.value).startswith(f"{folder / 'train' / 'cow'} holds no images (.jpg, ")
    assert str(caught.value).endswith(", but 1 .heic; nor do dog, emu: fill or remove it")


def test_a_class_that_is_a_link_is_read(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "class-0").rename(tmp_path / "elsewhere")
    (folder / "train" / "class-0").symlink_to(tmp_path / "elsewhere")
    put(tmp_path / "elsewhere" / "a.heic")
    assert len(listing(folder).names) == 10
    assert "10 of 11 photographs are used. Left out: 1 .heic" in unused(folder)


def test_a_folder_that_is_submitted_from_python_warns(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(jobs.pool, "start_workers", lambda shelf: None)
    put(folder / "train" / "class-0" / "a.heic")
    with pytest.warns(UserWarning, match=r"10 of 11 photographs are used\. Left out: 1 \.heic"):
        jobs.submit(Experiment(data=ImageFolder(path=str(folder))))
