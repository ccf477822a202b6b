"""Broken photographs are found before a training begins, all of them, and once for each content."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from pictures import folder_of_jpegs
from PIL import Image

from resnet_edu.experiment import Experiment, ImageFolder, image_check
from resnet_edu.experiment.folder import DataMissing, resolve, resolved
from resnet_edu.experiment.image_reading import open_upright


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_jpegs(tmp_path / "jpegs", train=4, test=3)


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_all_broken_images_are_named_at_once(folder):
    broken = [cut(path) for path in (*folder.glob("test/class-0/1.jpg"), *folder.glob("train/class-1/*.jpg"))]
    with pytest.raises(DataMissing) as caught:
        resolved(Experiment(data=ImageFolder(path=str(folder))))
    assert str(caught.value).startswith("5 of 14 images cannot be read: ")
    assert all(f"{path} (" in str(caught.value) for path in broken)
    assert str(caught.value).endswith("; repair or remove them, then train anew")


def test_a_long_list_is_cut(folder, monkeypatch):
    monkeypatch.setattr("resnet_edu.experiment.folder.MOST_NAMED", 3)
    for path in folder.rglob("*.jpg"):
        cut(path)
    with pytest.raises(
        DataMissing, match=r"^14 of 14 images cannot be read: ([^,]*\(.*?\),? ){3}and 11 more;"
    ):
        resolve(ImageFolder(path=str(folder)))


def test_each_content_is_checked_once(folder, monkeypatch):
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(image_check, "CHUNK", 5)
    resolve(ImageFolder(path=str(folder)), lambda done, of: seen.append((done, of)))
    assert seen == [(5, 14), (10, 14), (14, 14)]
    resolve(ImageFolder(path=str(folder)), lambda done, of: seen.append((done, of)))
    assert len(seen) == 3
    cut(next(folder.rglob("*.jpg")))
    with pytest.raises(DataMissing, match="1 of 14 images"):
        resolve(ImageFolder(path=str(folder)))


def picture(mode: str, form: str, **options: object) -> bytes:
    content = io.BytesIO()
    grey = Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64))
    (Image.new(mode, (64, 64)) if mode in ("I;16", "F") else grey.convert(mode)).save(
        content, form, **options
    )
    return content.getvalue()


WHOLE = {
    "grey": picture("L", "JPEG"),
    "cmyk": picture("CMYK", "JPEG"),
    "progressive": picture("RGB", "JPEG", progressive=True),
    "palette": picture("P", "PNG"),
    "alpha": picture("RGBA", "PNG"),
    "bits": picture("1", "PNG"),
    "gif": picture("P", "GIF"),
    "webp": picture("RGB", "WEBP"),
    "tiff": picture("RGB", "TIFF"),
    "sixteen bits": picture("I;16", "PNG"),
    "floats": picture("F", "TIFF"),
    "nothing": b"",
    "text": b"<html>no picture</html>",
    "zeros": bytes(3000),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("part", [1.0, 0.9, 0.5, 0.05])
def test_it_is_broken_if_it_cannot_be_decoded_and_only_then(tmp_path, name, part):
    path = tmp_path / "picture"
    path.write_bytes(WHOLE[name][: int(len(WHOLE[name]) * part)])
    try:
        open_upright(path, 64)
        decodes = True
    except Exception:
        decodes = False
    assert (image_check.unreadable(tmp_path, ["picture"]) == []) == decodes


def test_a_file_of_another_kind_is_called_what_it_is(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(WHOLE["text"])
    assert image_check.unreadable(tmp_path, [path.name]) == [f"{path} (it is a web page or XML)"]
