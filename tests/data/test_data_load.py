"""`load`: what comes out for each data set, and that subsets, sizes and statistics are what they claim."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnet_edu import data
from resnet_edu.data import loading
from resnet_edu.data.dataset import resize, statistics
from resnet_edu.experiment import Cifar10, Digits, FashionMnist, ImageFolder
from resnet_edu.experiment.spec import SpecError

# Of scikit-learn's digits, split and scaled by us: another value would silently rename every recorded result.
DIGITS_SHA256 = "2bbd35bf107a0bb545dcb3501050674247e839955e08e20097f0d4afdda0bedf"


def digest(dataset: data.DataSet) -> str:
    parts = (dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels)
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


def test_digits_are_the_recorded_ones() -> None:
    digits = data.load(Digits())
    assert digest(digits) == DIGITS_SHA256
    assert digits.train_images.shape == (1500, 1, 8, 8)
    assert digits.test_images.shape == (297, 1, 8, 8)
    assert (digits.train_images.dtype, digits.train_labels.dtype) == (torch.uint8, torch.int64)
    assert (digits.channels, digits.side, digits.classes) == (1, 8, 10)


def test_digits_equal_scikit_learns_own_loader() -> None:
    from sklearn.datasets import load_digits

    ours = data.load(Digits())
    images = torch.cat([ours.train_images, ours.test_images]).flatten(1).numpy()
    labels = torch.cat([ours.train_labels, ours.test_labels]).numpy()
    theirs = load_digits()
    both = [
        np.column_stack([np.rint(pixels * scale), target])
        for pixels, scale, target in ((images, 16 / 255, labels), (theirs.data, 1, theirs.target))
    ]
    split, bundled = (table[np.lexsort(table.T)] for table in both)
    assert np.array_equal(split, bundled)


def test_a_subset_is_the_beginning_of_one_fixed_shuffle() -> None:
    few, more, everything = (data.load(Digits(train=count)) for count in (40, 90, 0))
    assert torch.equal(few.train_images, more.train_images[:40])
    assert torch.equal(few.train_labels, more.train_labels[:40])
    assert torch.equal(few.test_images, everything.test_images)
    known = {image.numpy().tobytes() for image in everything.train_images}
    assert {image.numpy().tobytes() for image in more.train_images} <= known
    assert torch.equal(few.mean, statistics(few.train_images)[0])


def test_normalised_training_images_have_mean_0_and_deviation_1() -> None:
    digits = data.load(Digits())
    images = data.normalise(digits.train_images, digits)
    assert images.dtype == torch.float32
    assert images.mean(0).abs().max() < 1e-5
    assert images.square().mean().sqrt() == pytest.approx(1, abs=1e-5)


def test_statistics_equal_numpys() -> None:
    images = torch.randint(0, 256, (2500, 3, 5, 5), dtype=torch.uint8)
    mean, scale = statistics(images)
    values = images.numpy().astype(np.float64) / 255
    np.testing.assert_allclose(mean.numpy(), values.mean(0), rtol=1e-6)
    assert scale == pytest.approx(np.sqrt(np.mean((values - values.mean(0)) ** 2)), rel=1e-9)


def test_one_image_alone_is_normalised_to_zeros() -> None:
    single = data.load(Digits(train=1))
    assert single.scale == 1
    assert data.normalise(single.train_images, single).abs().max() < 1e-6


@pytest.mark.parametrize("side", [5, 8, 16, 21])
def test_resizing_equals_pillows_of_one_image_at_a_time(side: int) -> None:
    images = data.load(Digits()).train_images[:1003]
    slow = [
        np.asarray(Image.fromarray(image[0].numpy()).resize((side, side), Image.Resampling.BILINEAR))
        for image in images
    ]
    difference = resize(images, side)[:, 0].numpy().astype(int) - np.stack(slow)
    assert np.abs(difference).max() <= 1
    sized = data.load(Digits(side=side))
    assert (sized.side, sized.mean.shape) == (side, (1, side, side))


def test_cifar_comes_in_the_order_of_its_files(tiny_cifar: Path) -> None:
    cifar = data.load(Cifar10(), data_dir=tiny_cifar)
    first = np.random.RandomState(0).randint(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    assert cifar.train_images.shape == (20, 3, 32, 32)
    assert np.array_equal(cifar.train_images[:4].numpy(), first)
    assert cifar.train_images.is_contiguous()
    assert cifar.train_labels.tolist() == [0, 1, 2, 3] * 5
    assert cifar.class_names == ("a", "b", "c", "d")
    assert data.load(Cifar10(train=7, side=16), data_dir=tiny_cifar).train_images.shape == (7, 3, 16, 16)


def test_fashion_mnist_is_read_from_its_packed_files(tiny_fashion: Path) -> None:
    fashion = data.load(FashionMnist(), data_dir=tiny_fashion)
    images = np.random.RandomState(0).randint(0, 10, (6, 1, 28, 28), dtype=np.uint8)
    labels = np.random.RandomState(3).randint(0, 10, 3, dtype=np.uint8)
    assert np.array_equal(fashion.train_images.numpy(), images)
    assert fashion.test_labels.tolist() == labels.tolist()
    assert fashion.class_names[0] == "T-shirt/top"


def test_an_image_folder_is_cut_to_its_centre(photographs: Path) -> None:
    folder = data.load(ImageFolder(path=str(photographs), side=12))
    assert folder.train_images.shape == (6, 3, 12, 12)
    assert folder.class_names == ("cat", "dog")
    assert sorted(folder.train_labels.tolist()) == [0, 0, 0, 1, 1, 1] != folder.train_labels.tolist()
    rows = {(200, 100 * label, 40 * number): label for label in (0, 1) for number in range(3)}
    for image, label in zip(folder.train_images, folder.train_labels.tolist(), strict=True):
        colour = tuple(image[:, 0, -1].tolist())
        assert image[:, 0].tolist() == [[0] * 6 + [value] * 6 for value in colour]
        assert rows.pop(colour) == label
    assert data.load(ImageFolder(path=str(photographs), train=2)).train_images.shape == (2, 3, 32, 32)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (Digits(train=1501), "train is 1501; digits has 1500 training images"),
        (Cifar10(train=21), "train is 21; cifar10 has 20 training images"),
        (ImageFolder(train=7), "train is 7; imagefolder has 6 training images"),
    ],
)
def test_more_images_than_there_are(
    spec: Digits | Cifar10 | ImageFolder, message: str, tiny_cifar: Path, photographs: Path
) -> None:
    if isinstance(spec, ImageFolder):
        spec = ImageFolder(train=spec.train, path=str(photographs))
    with pytest.raises(SpecError, match=message):
        data.load(spec, data_dir=tiny_cifar)


@pytest.mark.parametrize("folder", [False, True])
def test_more_pixels_than_fit(folder: bool, photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_BYTES", 20_000)
    monkeypatch.setattr(loading.folder, "decode", lambda *_: pytest.fail("decoded before the size was known"))
    spec = ImageFolder(path=str(photographs), side=100) if folder else Digits()
    with pytest.raises(SpecError, match=r"would take .* GB; at most .* lower data.side or data.train"):
        data.load(spec)


@pytest.mark.slow
def test_describing_data_needs_neither_torch_nor_other_heavy_packages() -> None:
    light = "import sys, resnet_edu.data; assert not {'torch', 'PIL', 'pandas'} & set(sys.modules)"
    lean = "from resnet_edu.data import load; assert not {'torchvision', 'sklearn', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"{light}; {lean}"], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        data.nothing  # noqa: B018


def test_the_real_cifar_10() -> None:
    rows = {row.kind: row for row in data.status()} if "RESNET_EDU_DATA" in os.environ else {}
    if "cifar10" not in rows or rows["cifar10"].state == "absent":
        pytest.skip("RESNET_EDU_DATA names no folder with CIFAR-10")
    cifar = data.load(Cifar10())
    assert cifar.train_images.shape == (50_000, 3, 32, 32)
    assert cifar.train_labels.bincount().tolist() == [5000] * 10
    assert cifar.class_names[0] == "airplane"
    assert cifar.mean.mean((1, 2)).tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
