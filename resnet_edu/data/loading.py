"""`load`: from the description of a data set to a `DataSet`."""

from __future__ import annotations

import dataclasses
import gzip
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from resnet_edu.data import files, folder
from resnet_edu.data.colours import colours
from resnet_edu.data.dataset import DataSet, resize, statistics
from resnet_edu.data.photographs import PackedPaths, Photographs
from resnet_edu.data.streaming import StreamedSet
from resnet_edu.experiment import Cifar10, Data, Digits, FashionMnist, ImageFolder, Jitter
from resnet_edu.experiment.folder import DataMissing, Labelled, Listing, listing, resolve
from resnet_edu.experiment.spec import SpecError

DIGITS_FOR_TRAINING = 1500
MAX_BYTES = 8_000_000_000
COLOUR_IMAGES = 2_000  # enough for the mean and covariance of all photographs' pixels


class _Split(NamedTuple):
    images: np.ndarray  # uint8 [N, C, H, W]
    labels: np.ndarray  # [N]

    def take(self, chosen: np.ndarray | slice) -> _Split:
        return _Split(self.images[chosen], self.labels[chosen])


class _Raw(NamedTuple):
    """A data set as read from disk, with the training subset already selected."""

    train: _Split
    test: _Split
    class_names: tuple[str, ...]


def load(
    spec: Data,
    device: torch.device | str = "cpu",
    data_dir: str | os.PathLike[str] | None = None,
    *,
    download: bool = False,
    workers: int | None = None,
) -> DataSet:
    """The data set that `spec` describes.

    spec      description
    device    where images and labels go
    data_dir  folder of downloaded data (default: see `data_root`)
    download  fetch missing files
    workers   processes that decode photographs of view `jitter`, which stay on disk; 0: decode in this
              process; None: `default_workers`

    Raises `DataMissing` for missing, damaged or changed files, and `SpecError` for more training images than
    there are or than fit into memory.
    """
    if download and spec.kind in files.PUBLISHED:
        files.download(spec.kind, data_dir)
    if isinstance(spec, ImageFolder) and isinstance(spec.view, Jitter):
        return _streamed(spec, spec.view, torch.device(device), workers)
    raw = _READERS[type(spec)](spec, data_dir)
    channels, _, side = raw.train.images.shape[1:]
    side = spec.side or side
    _check_size(len(raw.train.images) + len(raw.test.images), channels, side)
    # Resize on the CPU for every device, so that all devices get the same pixels.
    train, test = (resize(torch.from_numpy(split.images), side) for split in (raw.train, raw.test))
    mean, scale = statistics(train)
    return DataSet(
        train_images=train.to(device),
        train_labels=_labels(raw.train.labels, device),
        test_images=test.to(device),
        test_labels=_labels(raw.test.labels, device),
        class_names=raw.class_names,
        mean=mean.to(device),
        scale=scale,
    )


def _digits(spec: Digits, _: Any) -> _Raw:
    table = np.loadtxt(_digits_file(), delimiter=",", dtype=np.int64)
    images = np.rint(table[:, :64] * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8)
    shuffled = _Split(images, table[:, 64]).take(_fixed_shuffle(len(images)))
    train, test = shuffled.take(slice(DIGITS_FOR_TRAINING)), shuffled.take(slice(DIGITS_FOR_TRAINING, None))
    return _Raw(train.take(_chosen(spec, len(train.images))), test, tuple("0123456789"))


def _digits_file() -> Path:
    """The file that sklearn.datasets.load_digits reads; importing scikit-learn would take seconds."""
    package = find_spec("sklearn")
    where = package.submodule_search_locations if package else None
    path = Path(*(where or ["sklearn"])[:1], "datasets", "data", "digits.csv.gz")
    if not path.is_file():
        raise DataMissing(f"digits: {path} is missing. Repair it with: pip install --upgrade scikit-learn")
    return path


def _cifar10(spec: Cifar10, data_dir: str | os.PathLike[str] | None) -> _Raw:
    from torchvision.datasets import CIFAR10

    root = files.require("cifar10", data_dir)
    read = [CIFAR10(root, train=train) for train in (True, False)]
    train, test = (_Split(part.data.transpose(0, 3, 1, 2), np.array(part.targets)) for part in read)
    train = train.take(_chosen(spec, len(train.images)))
    contiguous = [_Split(np.ascontiguousarray(split.images), split.labels) for split in (train, test)]
    return _Raw(contiguous[0], contiguous[1], tuple(read[0].classes))


def _fashion_mnist(spec: FashionMnist, data_dir: str | os.PathLike[str] | None) -> _Raw:
    from torchvision.datasets import FashionMNIST

    root = files.require("fashion-mnist", data_dir) / files.source("fashion-mnist").folder
    images, labels, test_images, test_labels = (_idx(root / name) for name, _ in FashionMNIST.resources)
    train, test = _Split(images[:, None], labels), _Split(test_images[:, None], test_labels)
    return _Raw(train.take(_chosen(spec, len(images))), test, tuple(FashionMNIST.classes))


def _idx(path: Path) -> np.ndarray:
    """A gzipped IDX file: the number of dimensions in byte 3, their sizes (big-endian uint32), then bytes."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _image_folder(spec: ImageFolder, _: Any) -> _Raw:
    found = _listed(spec)
    _check_size(len(found.names), 3, spec.side, "; or set data.view to jitter, which reads them as needed")
    train, test = (_decoded(found.root, part, spec.side) for part in (found.train, found.test))
    return _Raw(train, test, found.classes)


def _listed(spec: ImageFolder) -> Listing:
    """The used images, shuffled: names are sorted by class, and evaluations before the end use the first
    ones as a sample of all."""
    if spec.digest:
        resolve(spec)
    found = listing(spec.path)
    _chosen(spec, len(found.train))  # raises if there are fewer
    train = tuple(found.train[i] for i in _fixed_shuffle(len(found.train))[: spec.train or None])
    test = tuple(found.test[i] for i in _fixed_shuffle(len(found.test)))
    return dataclasses.replace(found, train=train, test=test)


def _decoded(root: Path, named: Labelled, side: int) -> _Split:
    return _Split(folder.decode([root / name for name, _ in named], side), _numbers(named))


def _numbers(named: Labelled) -> np.ndarray:
    return np.array([label for _, label in named])


def _streamed(spec: ImageFolder, view: Jitter, device: torch.device, workers: int | None) -> StreamedSet:
    found = _listed(spec)
    train, test = (
        Photographs(
            PackedPaths.pack(found.root, [name for name, _ in part]),
            spec.side,
            spec.scales[0],
            device,
            workers,
        )
        for part in (found.train, found.test)
    )
    some = train.narrow(0, 0, min(len(train), COLOUR_IMAGES))
    measured = colours(some.tensor_split(-(-len(some) // 50)))
    return StreamedSet(
        train_images=train,
        train_labels=_labels(_numbers(found.train), device),
        test_images=test,
        test_labels=_labels(_numbers(found.test), device),
        class_names=found.classes,
        mean=measured.mean.to(device),
        scale=measured.scale,
        scales=spec.scales,
        lighting=view.lighting,
        components=measured.components,
    )


_READERS: dict[type, Callable[[Any, Any], _Raw]] = {
    Digits: _digits,
    Cifar10: _cifar10,
    FashionMnist: _fashion_mnist,
    ImageFolder: _image_folder,
}


def _chosen(spec: Data, count: int) -> np.ndarray:
    """Indices of the used training images: the first `spec.train` of a fixed shuffle, or all in order."""
    if spec.train > count:
        raise SpecError(f"train is {spec.train}; {spec.kind} has {count} training images (0 takes all)")
    return _fixed_shuffle(count)[: spec.train] if spec.train else np.arange(count)


def _fixed_shuffle(count: int) -> np.ndarray:
    # NumPy guarantees a fixed stream for RandomState only, not for newer generators.
    return np.random.RandomState(0).permutation(count)


def _check_size(images: int, channels: int, side: int, instead: str = "") -> None:
    if (size := images * channels * side * side) > MAX_BYTES:
        raise SpecError(
            f"{images} images of {side}×{side} pixels would take {size / 1e9:.1f} GB; at most "
            f"{MAX_BYTES / 1e9:g} GB are allowed: lower data.side or data.train{instead}"
        )


def _labels(labels: np.ndarray, device: torch.device | str) -> Tensor:
    return torch.from_numpy(labels.astype(np.int64)).to(device)
