"""Small stand-ins for the published data sets: the real layout, their md5s put into torchvision's lists."""

from __future__ import annotations

import functools
import gzip
import hashlib
import pickle
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10, FashionMNIST

BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def tiny_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with a CIFAR-10 of 4 images a batch; pixel values count up, labels are 0 … 3."""
    folder = tmp_path / "root" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, name in enumerate(BATCHES):
        pixels = np.random.RandomState(number).randint(0, 256, (4, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": [0, 1, 2, 3]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a", "b", "c", "d"]}))
    listed = [[name, md5(folder / name)] for name in BATCHES]
    monkeypatch.setattr(CIFAR10, "train_list", listed[:5])
    monkeypatch.setattr(CIFAR10, "test_list", listed[5:])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5(folder / "batches.meta")})
    return folder.parent


@pytest.fixture
def served_cifar(tiny_cifar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same behind a local web server, as a tar archive; yields the folder that is served."""
    published = tmp_path / "published"
    published.mkdir()
    archive = published / CIFAR10.filename
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tiny_cifar / CIFAR10.base_folder, CIFAR10.base_folder)
    handler = functools.partial(_Quiet, directory=str(published))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(CIFAR10, "tgz_md5", md5(archive))
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{server.server_port}/{CIFAR10.filename}")
        yield published
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def tiny_fashion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with a Fashion-MNIST of 6 training and 3 test images, packed as published."""
    folder = tmp_path / "root" / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    shapes = [(6, 28, 28), (6,), (3, 28, 28), (3,)]
    listed: list[tuple[str, str]] = []
    for (name, _), shape in zip(FashionMNIST.resources, shapes, strict=True):
        values = np.random.RandomState(len(listed)).randint(0, 10, shape, dtype=np.uint8)
        header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
        (folder / name).write_bytes(gzip.compress(header + values.tobytes()))
        listed.append((name, md5(folder / name)))
    monkeypatch.setattr(FashionMNIST, "resources", listed)
    return tmp_path / "root"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two classes of 3 training images and 1 test image, 20×12 pixels, the left half black."""
    for split, count in (("train", 3), ("test", 1)):
        for label, name in enumerate(("cat", "dog")):
            folder = tmp_path / "photographs" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.zeros((12, 20, 3), np.uint8)
                pixels[:, 10:] = (200, 100 * label, 40 * number)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    (tmp_path / "photographs" / "LICENSE").write_text("ignored")
    return tmp_path / "photographs"
