"""A folder of photographs, DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg: names and digest. No torch."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from resnet_edu.experiment import Data, Experiment, ImageFolder, image_check, image_files
from resnet_edu.experiment.image_check import OnProgress
from resnet_edu.experiment.image_files import SUFFIXES
from resnet_edu.host import PathError, cache_folder, expanded

WORTH_KEEPING = 100_000_000  # bytes; less is read in a blink
MOST_NAMED = 20  # broken images in one message
_TEST_NAMES = ("test", "val", "validation")
_LAYOUT = "train/CLASS/*.jpg and test/CLASS/*.jpg"


Labelled = tuple[tuple[str, int], ...]
"""Names of images, each with its label."""


class DataMissing(ValueError):
    """Files are missing, damaged or changed; the message says which, where, and what mends it."""


@dataclasses.dataclass(frozen=True)
class Listing:
    """The images' names below `root`, sorted; a label is the position of its class in `classes`."""

    root: Path
    classes: tuple[str, ...]
    train: Labelled
    test: Labelled

    @property
    def names(self) -> list[str]:
        return [name for name, _ in (*self.train, *self.test)]


def listing(path: str | os.PathLike[str]) -> Listing:
    """Reads names only; raises `DataMissing` when the folder has another layout."""
    if not str(path):
        raise DataMissing(f"data.path is empty; it takes a folder that holds {_LAYOUT}")
    root = _root(path)
    if not root.is_dir():
        moved = "if it was moved, --data imagefolder:DIR says where to"
        raise DataMissing(f"the image folder {root} does not exist; {moved}")
    test_name = _test_name(root)
    train, test = _split(root / "train"), _split(root / test_name)
    if differing := sorted(train.keys() ^ test.keys()):
        raise DataMissing(
            f"{root}: train and {test_name} must hold the same classes; only one has: {', '.join(differing)}"
        )
    return Listing(root, tuple(train), _labelled("train", train), _labelled(test_name, test))


def fingerprint(path: str | os.PathLike[str]) -> str:
    """SHA-256 over the images' names below `path`, sorted, and their contents; `path` is no part of it.

    A large folder is read once: its digest is kept in the user's cache folder, and is used while every
    image keeps its name, size and modification time.
    """
    found = listing(path)
    names = sorted(found.names)
    marks = [os.stat(found.root / name) for name in names]
    seen = _hash(f"{name} {mark.st_size} {mark.st_mtime_ns}" for name, mark in zip(names, marks, strict=True))
    kept = cache_folder() / "folders" / f"{_hash([str(found.root.resolve())])[:16]}.json"
    if (digest := _read(kept).get(seen)) is not None:
        return digest
    digest = _content(found.root, names)
    # A file that changes twice within one tick of the file system's clock keeps its time.
    settled = time.time() - max(mark.st_mtime for mark in marks) > 2
    if settled and sum(mark.st_size for mark in marks) > WORTH_KEEPING:
        with contextlib.suppress(OSError):  # without a cache it is read each time
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps({seen: digest}))
    return digest


def resolve(spec: ImageFolder, on_progress: OnProgress = lambda done, of: None) -> ImageFolder:
    """The spec with its digest filled in; raises `DataMissing` where the folder has another, or images that
    cannot be decoded. They are decoded once for each content; `on_progress` hears how far that is."""
    found = fingerprint(spec.path)
    if spec.digest not in ("", found):
        raise DataMissing(
            f"the content of {spec.path} changed since it was named: its digest is {found}, expected "
            f"{spec.digest}; put the old images back, say by --data imagefolder:DIR where they are now, "
            "or leave data.digest out to start a new experiment"
        )
    _check_images(spec.path, found, on_progress)
    return dataclasses.replace(spec, digest=found, path=os.path.abspath(_root(spec.path)))


def resolved(experiment: Experiment, on_progress: OnProgress = lambda done, of: None) -> Experiment:
    """The experiment with the digest of its image folder filled in; reads the folder, if there is one."""
    if not isinstance(experiment.data, ImageFolder):
        return experiment
    return dataclasses.replace(experiment, data=resolve(experiment.data, on_progress))


def _check_images(path: str | os.PathLike[str], digest: str, on_progress: OnProgress) -> None:
    """Raises `DataMissing` with the images that cannot be decoded."""
    checked = cache_folder() / "checked" / digest
    if checked.exists():
        return
    found = listing(path)
    if broken := image_check.unreadable(found.root, found.names, on_progress):
        named, more = ", ".join(broken[:MOST_NAMED]), len(broken) - MOST_NAMED
        raise DataMissing(
            f"{len(broken)} of {len(found.names)} images cannot be read: {named}"
            f"{f' and {more} more' if more > 0 else ''}; repair or remove them, then train anew"
        )
    with contextlib.suppress(OSError):  # without a cache they are checked each time
        checked.parent.mkdir(parents=True, exist_ok=True)
        checked.touch()


def left_out(data: Data) -> str:
    """A sentence about the files of an image folder that are not used, and why; "" if there are none."""
    if not isinstance(data, ImageFolder):
        return ""
    root = _root(data.path)
    return image_files.left_out(root, ("train", _test_name(root)))


def _root(path: str | os.PathLike[str]) -> Path:
    try:
        return expanded(path, "data.path")
    except PathError as error:
        raise DataMissing(str(error)) from None


def _test_name(root: Path) -> str:
    return next((name for name in _TEST_NAMES if (root / name).is_dir()), _TEST_NAMES[0])


def _split(folder: Path) -> dict[str, list[str]]:
    """Class name → its images' names, both sorted."""
    if not folder.is_dir():
        raise DataMissing(f"{folder} is missing; an image folder holds {_LAYOUT}")
    names = image_files.class_folders(folder)
    if len(names) < 2:
        raise DataMissing(f"{folder} needs a folder for each of two classes or more; it has {len(names)}")
    classes = {name: image_files.image_names(folder / name) for name in names}
    if empty := [name for name, images in classes.items() if not images]:
        first, *more = empty
        also = f"; nor do {', '.join(more)}" if more else ""
        instead = f"but {image_files.held(folder / first)}"
        raise DataMissing(
            f"{folder / first} holds no images ({', '.join(SUFFIXES)}), {instead}{also}: fill or remove it"
        )
    return classes


def _labelled(split: str, classes: dict[str, list[str]]) -> Labelled:
    return tuple(
        (f"{split}/{name}/{image}", label)
        for label, (name, images) in enumerate(classes.items())
        for image in images
    )


def _content(root: Path, names: Sequence[str]) -> str:
    digests: list[str] = []
    with ThreadPoolExecutor() as pool:
        for first in range(0, len(names), 10_000):  # the pool keeps all tasks of one call in memory
            digests += pool.map(lambda name: _digest(root / name), names[first : first + 10_000])
    return _hash(f"{name} {digest}" for name, digest in zip(names, digests, strict=True))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(lines: Iterable[str]) -> str:
    found = hashlib.sha256()
    for line in lines:
        found.update(f"{line}\n".encode(errors="surrogateescape"))
    return found.hexdigest()


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}  # no cache yet, or a damaged one: the images are read again
    return found if isinstance(found, dict) else {}
