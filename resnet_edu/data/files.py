"""Folders, checks and downloads of the named data sets. Needs no torch.

A file is complete when its md5 is the one that torchvision records; no file is opened before this check.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shlex
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from platformdirs import user_cache_path

from resnet_edu.experiment import Experiment, ImageFolder
from resnet_edu.experiment.folder import DataMissing
from resnet_edu.experiment.spec import SpecError
from resnet_edu.host import expanded, user_folder

VARIABLE = "RESNET_EDU_DATA"
FOLDERS = {"cifar10": "cifar-10-batches-py", "fashion-mnist": "FashionMNIST/raw"}


@dataclasses.dataclass(frozen=True)
class Source:
    """torchvision's list for a data set: archives to download, and the files that are read."""

    title: str
    folder: str
    files: tuple[tuple[str, str], ...]  # (name below the folder, md5)
    archives: tuple[tuple[str, str, str], ...]  # (URL, folder to put it in, md5)


@dataclasses.dataclass(frozen=True)
class DataStatus:
    """One row of `resnet-edu data`.

    kind    name of the data set
    where   its folder
    state   "present", "absent" or "damaged"
    detail  the first problem, as a sentence
    """

    kind: str
    where: str
    state: str
    detail: str = ""


def data_root(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The folder of downloaded data: `data_dir`, else $RESNET_EDU_DATA, else the user's cache folder."""
    return (
        expanded(data_dir)
        if data_dir
        else user_folder(VARIABLE, lambda: user_cache_path("resnet-edu") / "data")
    )


def with_local_folder(experiment: Experiment) -> Experiment:
    """The experiment with its folder of images as it is on this machine: the same path, or the folder of
    that name in `data_root()`. Reading compares the digest, so another folder is noticed."""
    images = experiment.data
    if not isinstance(images, ImageFolder) or Path(images.path).is_dir():
        return experiment
    here = data_root() / Path(images.path).name
    return dataclasses.replace(experiment, data=dataclasses.replace(images, path=str(here)))


def require(kind: str, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The root folder of the complete files of `kind`; raises `DataMissing` for the first incomplete one."""
    for _, problem in _problems(kind, data_dir):
        raise DataMissing(f"{problem} Repair it with: {_command(kind, data_dir)}")
    return data_root(data_dir)


def status(data_dir: str | os.PathLike[str] | None = None) -> list[DataStatus]:
    """One row per named data set; checks every file's md5."""
    rows = [DataStatus("digits", "bundled with scikit-learn", "present")]
    for kind in PUBLISHED:
        state, detail = next(_problems(kind, data_dir), ("present", ""))
        rows.append(DataStatus(kind, str(data_root(data_dir) / source(kind).folder), state, detail))
    return rows


def download(kind: str, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Download and unpack incomplete files with torchvision; returns the root folder.

    Uses an archive that is already in the folder if its md5 is right. Raises `SpecError` for an unknown
    `kind`, `DataMissing` when an archive is neither there nor can be downloaded.
    """
    from torchvision.datasets.utils import download_and_extract_archive

    root = data_root(data_dir)
    if next(_problems(kind, data_dir), None) is None:
        return root
    for url, below, md5 in source(kind).archives:
        folder = root / below
        folder.mkdir(parents=True, exist_ok=True)
        try:
            download_and_extract_archive(url, str(folder), md5=md5)
        except PermissionError:  # a folder that cannot be written is no matter of the network
            raise
        except (OSError, RuntimeError, HTTPException) as error:
            if isinstance(error, HTTPError):
                error.close()  # an HTTPError is also an open response
            raise DataMissing(
                f"{url} could not be fetched into {folder}: {error}. Put {url.rpartition('/')[2]} there by "
                f"hand (md5 {md5}), then repeat: {_command(kind, data_dir)}"
            ) from error
    return require(kind, data_dir)


def looks_present(kind: str) -> bool:
    """Whether the data set's folder is there. It imports nothing and opens no file, so a page can ask."""
    return kind not in FOLDERS or (data_root() / FOLDERS[kind]).is_dir()


def source(kind: str) -> Source:
    """The files of a downloadable data set; raises `SpecError` for another kind."""
    if kind not in PUBLISHED:
        raise SpecError(f"data set is {kind!r}; allowed: {', '.join(PUBLISHED)} (digits need no fetching)")
    return PUBLISHED[kind]()


def _cifar10() -> Source:
    from torchvision.datasets import CIFAR10 as published

    # torchvision checks batches.meta only after opening the batches; here it is checked like all others.
    meta = published.meta["filename"], published.meta["md5"]
    files = tuple((name, md5) for name, md5 in [*published.train_list, *published.test_list, meta])
    return Source("CIFAR-10", published.base_folder, files, ((published.url, "", published.tgz_md5),))


def _fashion_mnist() -> Source:
    from torchvision.datasets import FashionMNIST as published

    # The packed files are read: torchvision knows no md5 of the unpacked ones.
    folder, files = FOLDERS["fashion-mnist"], tuple((name, md5) for name, md5 in published.resources)
    archives = tuple((published.mirrors[0] + name, folder, md5) for name, md5 in files)
    return Source("Fashion-MNIST", folder, files, archives)


PUBLISHED = {"cifar10": _cifar10, "fashion-mnist": _fashion_mnist}


def _problems(kind: str, data_dir: str | os.PathLike[str] | None) -> Iterator[tuple[str, str]]:
    """("absent" or "damaged", sentence) for each incomplete file of `kind`."""
    wanted = source(kind)
    folder = data_root(data_dir) / wanted.folder
    for name, expected in wanted.files:
        path = folder / name
        if not path.is_file():
            searched = f"searched {folder} (set another folder with --data-dir or ${VARIABLE})"
            yield "absent", f"{wanted.title}: the file {name} is missing; {searched}."
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != expected:
            yield "damaged", f"{wanted.title}: {path} is damaged: its md5 is {found}, expected {expected}."


def _command(kind: str, data_dir: str | os.PathLike[str] | None) -> str:
    place = f" --data-dir {shlex.quote(str(data_dir))}" if data_dir else ""
    return f"resnet-edu data get {kind}{place}"
