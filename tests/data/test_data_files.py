"""Missing, damaged and fetched files: each trouble by its message; only published pickles are opened."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from platformdirs import user_cache_path
from torchvision.datasets import CIFAR10

from resnet_edu import data
from resnet_edu.data import files
from resnet_edu.data.files import DataMissing, require
from resnet_edu.experiment import Cifar10, FashionMnist
from resnet_edu.experiment.spec import SpecError

FOLDER = "cifar-10-batches-py"


def remove(path: Path) -> None:
    path.unlink()


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", ["data_batch_1", "data_batch_5", "test_batch", "batches.meta"])
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (remove, ["CIFAR-10: the file {name} is missing; searched {root}", "RESNET_EDU_DATA"]),
        (shorten, ["{name} is damaged: its md5 is ", ", expected "]),
    ],
)
def test_any_file_missing_or_damaged_is_named_before_one_is_opened(
    tiny_cifar: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    harm: Callable[[Path], None],
    words: list[str],
) -> None:
    monkeypatch.setattr(pickle, "load", lambda *_, **__: pytest.fail("a pickle was opened"))
    harm(tiny_cifar / FOLDER / name)
    with pytest.raises(DataMissing) as raised:
        data.load(Cifar10(), data_dir=tiny_cifar)
    for word in [*words, "resnet-edu data get cifar10 --data-dir {root}"]:
        assert word.format(name=name, root=tiny_cifar) in str(raised.value)
    row = next(row for row in data.status(tiny_cifar) if row.kind == "cifar10")
    assert row.state == ("absent" if harm is remove else "damaged")
    assert name in row.detail


class _Trap:
    """Unpickling it runs a command; here, one that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


def test_a_malicious_pickle_is_never_opened(tiny_cifar: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (tiny_cifar / FOLDER / "batches.meta").write_bytes(pickle.dumps(_Trap(trace)))
    with pytest.raises(DataMissing, match=r"batches\.meta is damaged"):
        data.load(Cifar10(), data_dir=tiny_cifar)
    assert not trace.exists()
    pickle.loads((tiny_cifar / FOLDER / "batches.meta").read_bytes())
    assert trace.exists(), "the trap itself works"


def test_fashion_mnist_missing_and_damaged(tiny_fashion: Path) -> None:
    packed = tiny_fashion / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte.gz"
    shorten(packed)
    with pytest.raises(DataMissing, match=r"t10k-labels-idx1-ubyte\.gz is damaged: its md5 is"):
        data.load(FashionMnist(), data_dir=tiny_fashion)
    packed.unlink()
    with pytest.raises(DataMissing, match=r"t10k-labels-idx1-ubyte\.gz is missing.*data get fashion-mnist"):
        data.load(FashionMnist(), data_dir=tiny_fashion)


def test_status_names_every_data_set(tiny_cifar: Path) -> None:
    rows = [(row.kind, row.state) for row in data.status(tiny_cifar)]
    assert rows == [("digits", "present"), ("cifar10", "present"), ("fashion-mnist", "absent")]


def test_the_folder_is_the_one_named_then_the_environments_then_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_EDU_DATA", str(tmp_path / "environment"))
    assert data.data_root(tmp_path / "named") == tmp_path / "named"
    assert data.data_root() == tmp_path / "environment"
    monkeypatch.delenv("RESNET_EDU_DATA")
    assert data.data_root() == user_cache_path("resnet-edu") / "data"


def test_the_command_needs_no_folder_where_none_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_EDU_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match=r"data get cifar10$"):
        require("cifar10")


def test_download_fetches_checks_and_unpacks(served_cifar: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    with pytest.raises(DataMissing, match="missing"):
        data.load(Cifar10(), data_dir=fresh)
    assert not fresh.exists()
    assert len(data.load(Cifar10(), data_dir=fresh, download=True).train_images) == 20
    assert (fresh / CIFAR10.filename).exists()


def test_download_mends_what_is_damaged_from_the_archive_at_hand(
    served_cifar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "by-hand"
    (root / FOLDER).mkdir(parents=True)
    (root / FOLDER / "batches.meta").write_bytes(b"damaged")
    shutil.copy(served_cifar / CIFAR10.filename, root)
    monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:9/{CIFAR10.filename}")
    assert data.download("cifar10", root) == root
    assert require("cifar10", root) == root


@pytest.mark.parametrize("trouble", ["nobody answers", "no such file", "another file"])
def test_a_failed_download_says_what_to_put_where(
    trouble: str, served_cifar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "nobody answers":
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:9/{CIFAR10.filename}")
    elif trouble == "no such file":
        (served_cifar / CIFAR10.filename).unlink()
    else:
        (served_cifar / CIFAR10.filename).write_bytes(b"<html>")
    with pytest.raises(DataMissing) as raised:
        data.download("cifar10", tmp_path / "fresh folder")
    for words in (
        f"{CIFAR10.url} could not be fetched into {tmp_path / 'fresh folder'}",
        f"Put {CIFAR10.filename} there by hand (md5 {CIFAR10.tgz_md5})",
        f"resnet-edu data get cifar10 --data-dir '{tmp_path / 'fresh folder'}'",
    ):
        assert words in str(raised.value)


@pytest.mark.parametrize("kind", ["digits", "cifar-10", "imagefolder", ""])
def test_only_published_data_can_be_fetched(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=f"data set is '{kind}'; allowed: cifar10, fashion-mnist"):
        data.download(kind, tmp_path)


def test_where_a_data_set_looks_present_is_where_torchvision_puts_it(monkeypatch, tmp_path):
    monkeypatch.setenv("RESNET_EDU_DATA", str(tmp_path))
    for kind in files.PUBLISHED:
        assert not files.looks_present(kind)
        (tmp_path / files.source(kind).folder).mkdir(parents=True)
        assert files.looks_present(kind)
    assert files.looks_present("digits")
