"""A folder of photographs, DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg. Needs no torch."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from resnet_edu.data.files import DataMissing
from resnet_edu.experiment import ImageFolder

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
_TEST_NAMES = ("test", "val", "validation")
_LAYOUT = "train/CLASS/*.jpg and test/CLASS/*.jpg"


@dataclasses.dataclass(frozen=True)
class Listing:
    """The images of a folder, sorted by name; a label is the position of its class in `classes`."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...]


def listing(path: str | os.PathLike) -> Listing:
    """Reads names only; raises `DataMissing` when the folder is not laid out as it should be."""
    if not str(path):
        raise DataMissing(f"data.path is empty; it takes a folder that holds {_LAYOUT}")
    root = Path(path).expanduser()
    if not root.is_dir():
        raise DataMissing(f"the image folder {root} does not exist")
    test_name = next((name for name in _TEST_NAMES if (root / name).is_dir()), _TEST_NAMES[0])
    train, test = _split(root / "train"), _split(root / test_name)
    if differing := sorted(train.keys() ^ test.keys()):
        raise DataMissing(
            f"{root}: train and {test_name} must hold the same classes; only one has: {', '.join(differing)}"
        )
    return Listing(root, tuple(train), _labelled(train), _labelled(test))


def fingerprint(path: str | os.PathLike) -> str:
    """SHA-256 over the images' names below `path`, sorted, and their contents; `path` is no part of it."""
    found = listing(path)
    files = [file for file, _ in (*found.train, *found.test)]
    names = [file.relative_to(found.root).as_posix() for file in files]
    with ThreadPoolExecutor() as pool:
        contents = dict(zip(names, pool.map(_digest, files), strict=True))
    text = "".join(f"{name} {contents[name]}\n" for name in sorted(names))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def resolve(spec: ImageFolder) -> ImageFolder:
    """The spec with its digest filled in; raises `DataMissing` where it has one that is not the folder's."""
    found = fingerprint(spec.path)
    if spec.digest not in ("", found):
        raise DataMissing(
            f"the content of {spec.path} changed since it was named: its digest is {found}, expected "
            f"{spec.digest}; put the old images back, or leave data.digest out to start a new experiment"
        )
    return dataclasses.replace(spec, digest=found)


def decode(files: Sequence[Path], side: int) -> np.ndarray:
    """uint8 [N, 3, side, side]: the centre square of each image, resized to `side`; EXIF is ignored.

    Raises `DataMissing` with the paths of images that cannot be decoded.
    """
    images = np.empty((len(files), 3, side, side), np.uint8)

    def fill(index: int) -> str | None:
        try:
            images[index] = _decode(files[index], side)
        except Exception as error:  # decoders raise all kinds of things for broken files
            return f"{files[index]} ({error})"
        return None

    with ThreadPoolExecutor() as pool:
        broken = [message for message in pool.map(fill, range(len(files))) if message]
    if broken:
        more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
        raise DataMissing(f"images that cannot be read: {', '.join(broken[:5])}{more}; mend or remove them")
    return images


def _split(folder: Path) -> dict[str, list[Path]]:
    """Class name → its images, both sorted."""
    if not folder.is_dir():
        raise DataMissing(f"{folder} is missing; an image folder holds {_LAYOUT}")
    folders = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    names = sorted(entry.name for entry in folders)
    if len(names) < 2:
        raise DataMissing(f"{folder} needs a folder for each of two classes or more; it has {len(names)}")
    classes = {name: sorted(filter(_is_image, (folder / name).iterdir()), key=str) for name in names}
    if empty := [name for name, images in classes.items() if not images]:
        raise DataMissing(f"{folder / empty[0]} holds no images ({', '.join(SUFFIXES)})")
    return classes


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _labelled(classes: dict[str, list[Path]]) -> tuple[tuple[Path, int], ...]:
    return tuple((image, label) for label, images in enumerate(classes.values()) for image in images)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decode(path: Path, side: int) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"{image.mode} pixels have more than 8 bits; save the image with 8")
        image.draft("RGB", (2 * side, 2 * side))  # decodes a large JPEG at ½, ¼ or ⅛: as sharp, much faster
        colour = (image.convert("RGBA") if image.mode == "P" else image).convert("RGB")
    width, height = colour.size
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2
    square = (left, top, left + short, top + short)
    resized = colour.resize((side, side), Image.Resampling.BILINEAR, box=square)
    return np.asarray(resized).transpose(2, 0, 1)
