"""Folders of photographs: what their digest depends on, and each way in which one can be wrong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_edu import data
from resnet_edu.data.crops import centre_crop
from resnet_edu.data.folder import decode
from resnet_edu.experiment import Centre, Experiment, ImageFolder, Jitter, View
from resnet_edu.pictures import decoded


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (16, 16)) -> None:
    pixels = np.linspace(0, 255, size[0] * size[1], dtype=np.uint8).reshape(size[1], size[0])
    Image.fromarray(pixels).convert(mode).save(path)


def cut_jpeg(root: Path) -> None:
    picture(root / "train" / "cat" / "cut.jpg", size=(64, 64))
    content = (root / "train" / "cat" / "cut.jpg").read_bytes()
    (root / "train" / "cat" / "cut.jpg").write_bytes(content[: len(content) // 2])


def deep_png(root: Path) -> None:
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(root / "test" / "dog" / "deep.png")


def empty_class(root: Path) -> None:
    (root / "train" / "cow").mkdir()
    (root / "train" / "cow" / "notes.txt").write_text("no image")


def many_broken(root: Path) -> None:
    for number in range(7):
        (root / "train" / "dog" / f"bad-{number}.jpg").write_bytes(b"not a picture")


BAD_FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (shutil.rmtree, "the image folder .*photographs does not exist"),
    "no train": (lambda root: shutil.rmtree(root / "train"), r"train is missing; .*train/CLASS/\*.jpg"),
    "no test": (lambda root: shutil.rmtree(root / "test"), r"test is missing; .*test/CLASS/\*.jpg"),
    "one class": (lambda root: shutil.rmtree(root / "train" / "cat"), "two classes or more; it has 1"),
    "empty class": (empty_class, r"train.cow holds no images \(.jpg, .*, but 1 .txt: fill or remove it"),
    "other classes": (
        lambda root: (root / "test" / "cat").rename(root / "test" / "cats"),
        "train and test must hold the same classes; only one has: cat, cats",
    ),
    "half a jpeg": (cut_jpeg, r"cannot be read: .*train.cat.cut.jpg \(.*runcated.*repair or remove"),
    "16 bits": (deep_png, "deep.png .*more than 8 bits"),
    "many": (many_broken, "bad-4.jpg .* and 2 more; repair or remove them"),
}


LAYOUT = [case for case in BAD_FOLDERS if case not in ("half a jpeg", "16 bits", "many")]


@pytest.mark.parametrize(
    ("case", "view"), [*((c, Centre()) for c in BAD_FOLDERS), *((c, Jitter()) for c in LAYOUT)]
)
def test_a_bad_folder_gets_a_message(case: str, view: View, photographs: Path) -> None:
    harm, message = BAD_FOLDERS[case]
    harm(photographs)
    with pytest.raises(data.DataMissing, match=message):
        data.load(ImageFolder(path=str(photographs), view=view), workers=0)


def test_a_folder_must_be_named() -> None:
    with pytest.raises(data.DataMissing, match=r"data\.path is empty; it takes a folder"):
        data.load(ImageFolder())


@pytest.mark.parametrize("name", ["val", "validation"])
def test_other_names_of_the_test_folder(name: str, photographs: Path) -> None:
    (photographs / "test").rename(photographs / name)
    assert len(data.load(ImageFolder(path=str(photographs))).test_images) == 2


def test_the_digest_follows_content_and_names_but_not_place(photographs: Path, tmp_path: Path) -> None:
    first = data.fingerprint(photographs)
    (photographs / "README.md").write_text("not an image")
    moved = shutil.copytree(photographs, tmp_path / "elsewhere")
    assert data.fingerprint(moved) == first
    here, there = (data.resolve(ImageFolder(path=str(path))) for path in (photographs, moved))
    assert Experiment(data=here).key == Experiment(data=there).key

    image = moved / "train" / "cat" / "0.png"
    image.rename(moved / "train" / "cat" / "00.png")
    renamed = data.fingerprint(moved)
    picture(moved / "train" / "cat" / "00.png")
    assert len({first, renamed, data.fingerprint(moved)}) == 3


@pytest.mark.parametrize("view", [Centre(), Jitter()])
def test_a_changed_folder_is_refused(photographs: Path, view: View) -> None:
    spec = data.resolve(ImageFolder(path=str(photographs), view=view))
    data.load(spec, workers=0)
    picture(photographs / "test" / "cat" / "new.png")
    for use in (lambda spec: data.load(spec, workers=0), data.resolve):
        with pytest.raises(data.DataMissing, match=f"changed since .* expected {spec.digest}"):
            use(spec)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr"])
def test_every_kind_of_picture_becomes_three_channels(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("picture.jpg" if mode in ("CMYK", "YCbCr") else "picture.png")
    picture(path, mode)
    image = decode([path], 16)[0]
    assert image.shape == (3, 16, 16)
    assert image[:, 0].mean() < 20 < 230 < image[:, -1].mean()


def see_through(mode: str) -> Image.Image:
    """16 × 16 pixels: black ink whose upper half is transparent, all of it in the alpha channel."""
    alpha = Image.fromarray(np.repeat(np.array([0, 255], np.uint8), 8 * 16).reshape(16, 16))
    ink = Image.new("RGB" if mode in ("RGB", "RGBA", "P") else "L", (16, 16), 0)
    if mode in ("RGBA", "LA"):
        ink.putalpha(alpha)
        return ink
    if mode == "P":
        indices = Image.fromarray((np.asarray(alpha) // 255).astype(np.uint8), "P")
        indices.putpalette([0, 0, 0] * 2)
        return indices
    return Image.fromarray(np.where(np.asarray(alpha), 0, 7).astype(np.uint8)).convert(mode)


TRANSPARENT = {
    "RGBA": ("png", {}),
    "LA": ("png", {}),
    "P": ("png", {"transparency": bytes([0, 255])}),
    "L": ("png", {"transparency": 7}),
    "RGB": ("png", {"transparency": (7, 7, 7)}),
    "RGBA in WebP": ("webp", {"lossless": True, "exact": True}),
    "P in GIF": ("gif", {"transparency": 0}),
    "RGBA in TIFF": ("tiff", {}),
}


@pytest.mark.parametrize("case", TRANSPARENT)
def test_what_is_transparent_is_white_in_a_folder_as_in_an_own_picture(case: str, tmp_path: Path) -> None:
    suffix, options = TRANSPARENT[case]
    path = tmp_path / f"ink.{suffix}"
    see_through(case.split()[0]).save(path, **options)
    expected = np.full((3, 16, 16), 255, np.uint8)
    expected[:, 8:] = 0
    assert np.array_equal(decode([path], 16)[0], expected)
    assert np.array_equal(centre_crop(path, 16, 16).numpy(), expected)
    if suffix in ("png", "webp"):
        assert np.array_equal(decoded(path.read_bytes()), expected)


def test_a_transparent_shade_of_one_bit_is_white(tmp_path: Path) -> None:
    Image.new("1", (16, 16), 0).save(tmp_path / "ink.png", transparency=0)
    assert decode([tmp_path / "ink.png"], 16).min() == 255


def test_half_transparent_ink_is_grey(tmp_path: Path) -> None:
    Image.new("RGBA", (16, 16), (0, 0, 0, 51)).save(tmp_path / "ink.png")
    assert set(decode([tmp_path / "ink.png"], 16).flatten().tolist()) == {204}


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_picture_is_the_same_in_a_folder_and_as_an_own_one(
    mode: str, orientation: int, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    see_through(mode).save(tmp_path / "turned.png", exif=exif, **TRANSPARENT[mode][1])
    own = decoded((tmp_path / "turned.png").read_bytes())
    assert np.array_equal(decode([tmp_path / "turned.png"], 16)[0], own)
    assert {3: own[0, 0, 0] < own[0, -1, 0], 6: own[0, 0, 0] < own[0, 0, -1]}.get(orientation, True)


def test_a_large_jpeg_shrinks_to_what_its_pixels_average(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(600), np.arange(800)) / 1400 * 255
    Image.fromarray(smooth.astype(np.uint8)).save(tmp_path / "large.jpg", quality=95)
    centre = smooth[:, 100:700]
    expected = centre.reshape(20, 30, 20, 30).mean((1, 3))
    assert np.abs(decode([tmp_path / "large.jpg"], 20)[0, 0] - expected).max() < 4


def test_a_photograph_held_sideways_is_turned(tmp_path: Path) -> None:
    upright = Image.fromarray(np.add.outer(np.arange(40) * 6, np.zeros(60)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "held.jpg", exif=exif, quality=95)
    upright.save(tmp_path / "upright.jpg", quality=95)
    held, expected = decode([tmp_path / "held.jpg", tmp_path / "upright.jpg"], 16).astype(int)
    assert np.abs(held - expected).max() < 4


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC, AVIF or video file"),
        (b"<!DOCTYPE html><html>", "a web page or XML"),
        (b"%PDF-1.7", "a PDF"),
        (b"", "no picture that is known here"),
    ],
)
def test_another_kind_of_file_under_an_image_s_name_is_named(
    content: bytes, kind: str, photographs: Path
) -> None:
    (photographs / "train" / "cat" / "IMG_1.JPG").write_bytes(content)
    with pytest.raises(data.DataMissing, match=rf"cat.IMG_1\.JPG \(it is {kind}\); repair or remove"):
        data.load(ImageFolder(path=str(photographs)))


def test_hidden_and_foreign_files_are_left_alone(photographs: Path) -> None:
    (photographs / "train" / "cat" / "._0.png").write_bytes(b"a file system's own")
    (photographs / "train" / "cat" / "Thumbs.db").write_bytes(b"too")
    (photographs / "train" / ".cache").mkdir()
    assert len(data.load(ImageFolder(path=str(photographs))).train_images) == 6
    assert re.fullmatch("[0-9a-f]{64}", data.fingerprint(photographs))
