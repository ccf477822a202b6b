"""Photographs that stay on disk: asked like a tensor, decoded the same by one process and by many."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from pictures import folder_of_jpegs
from PIL import Image
from torchvision.transforms.v2 import functional

from resnet_edu import data
from resnet_edu.data import StreamedSet, batch_indices, loading, normalise, photographs
from resnet_edu.data.colours import draw_lighting
from resnet_edu.data.crops import draw_crops, training_crop
from resnet_edu.data.photographs import PackedPaths, default_workers
from resnet_edu.experiment import ImageFolder, Jitter

SIDE = 24


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_jpegs(tmp_path / "jpegs")


def streamed(folder: Path, workers: int = 0, side: int = SIDE, **view) -> StreamedSet:
    found = data.load(ImageFolder(path=str(folder), side=side, view=Jitter(**view)), workers=workers)
    assert isinstance(found, StreamedSet)
    return found


def test_names_come_back(tmp_path: Path) -> None:
    names = ["train/a/1.jpg", "train/ä ö/雪.png", "x", os.fsdecode(b"bad-\xff.gif")]
    packed = PackedPaths.pack(tmp_path, names)
    assert [packed[i] for i in range(len(packed))] == [tmp_path / name for name in names]


def test_the_data_set_is_the_folder_s(folder: Path) -> None:
    found = streamed(folder)
    assert (len(found.train_images), len(found.test_images)) == (16, 6)
    assert (found.channels, found.side, found.classes) == (3, SIDE, 2)
    assert found.class_names == ("class-0", "class-1")
    assert found.scales == (27, 51)
    assert sorted(found.train_labels.tolist()) == [0] * 8 + [1] * 8
    for images, labels in (
        (found.train_images, found.train_labels),
        (found.test_images, found.test_labels),
    ):
        for index, label in enumerate(labels.tolist()):
            assert images.paths[index].parent.name == f"class-{label}"
            red, _, blue = images[index].double().mean((1, 2)).tolist()
            assert (blue > red) == bool(label), "image and label belong together"


def test_few_training_images_are_the_first_of_all(folder: Path) -> None:
    everything = streamed(folder)
    few = data.load(ImageFolder(path=str(folder), side=SIDE, view=Jitter(), train=5), workers=0)
    assert torch.equal(few.train_images[:], everything.train_images[:5])
    assert torch.equal(few.train_labels, everything.train_labels[:5])


def test_they_are_asked_as_a_tensor_is(folder: Path) -> None:
    images = streamed(folder).train_images
    tensor = images[:]
    assert (tensor.shape, tensor.dtype) == (images.shape, torch.uint8)
    assert torch.equal(images[3], tensor[3])
    assert torch.equal(images[-1], tensor[-1])
    assert torch.equal(images[2:9:3], tensor[2:9:3])
    chosen = torch.tensor([5, 0, 5])
    assert torch.equal(images[chosen], tensor[chosen])
    part = images.narrow(0, 4, 7)
    assert len(part) == 7
    assert torch.equal(part[:], tensor[4:11])
    assert torch.equal(part.narrow(0, 2, 3)[1], tensor[7])
    for pieces in (1, 3, 7):
        split = list(part.tensor_split(pieces))
        assert [len(piece) for piece in split] == [len(piece) for piece in tensor[4:11].tensor_split(pieces)]
        assert torch.equal(torch.cat(split), tensor[4:11])


def test_images_are_the_centres_at_the_least_scale(folder: Path) -> None:
    images = streamed(folder).test_images
    for index in range(len(images)):
        whole = functional.pil_to_tensor(Image.open(images.paths[index]).convert("RGB"))
        expected = functional.center_crop(functional.resize(whole, [27], antialias=True), [SIDE, SIDE])
        assert torch.equal(images[index], expected)


def test_ten_crops_of_all(folder: Path) -> None:
    images = streamed(folder).test_images
    crops = torch.cat(list(images.ten_crops(2)))
    assert crops.shape == (6, 10, 3, SIDE, SIDE)
    assert torch.equal(crops[:, 4], images[:])


def test_a_batch_is_what_its_parts_say(folder: Path) -> None:
    """Each image by itself: chosen, cut out, normalised and lit as the step's draws tell."""
    found = streamed(folder, low=30, high=60, lighting=0.4)
    views, shifts = found.training_batches(6, seed=5, steps=4)(2), found.shifts(6, seed=5, step=2)
    assert (views.shape, views.dtype) == ((6, 3, SIDE, SIDE), torch.uint8)
    chosen = batch_indices(2, 6, 16, 5)
    draws = draw_crops(6, (30, 60), 5, 2)
    assert torch.allclose(shifts * found.scale, draw_lighting(6, 0.4, found.components, 5, 2))
    for i, image in enumerate(chosen.tolist()):
        path, place = found.train_images.paths[image], tuple(draws.places[i].tolist())
        view = training_crop(path, SIDE, int(draws.scales[i]), place, bool(draws.flips[i]))
        assert torch.equal(views[i], view)


def test_no_lighting(folder: Path) -> None:
    assert not streamed(folder, lighting=0.0).shifts(5, seed=0, step=0).any()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 0), (1, 1, 3)])
def test_any_step_can_be_asked_for(folder: Path, order: tuple[int, ...]) -> None:
    found = streamed(folder)
    views = found.training_batches(6, seed=1, steps=4)
    for step in order:
        assert torch.equal(views(step), found.training_batches(6, seed=1, steps=4)(step))


def test_each_epoch_sees_every_image_once_and_otherwise(folder: Path) -> None:
    views = streamed(folder).training_batches(8, seed=0, steps=4)
    epochs = []
    for steps in ((0, 1), (2, 3)):
        chosen = torch.cat([batch_indices(step, 8, 16, 0) for step in steps])
        assert sorted(chosen.tolist()) == list(range(16))
        epochs.append(torch.cat([views(step) for step in steps])[chosen.argsort()])
    assert (epochs[0] != epochs[1]).flatten(1).any(1).all()


@pytest.mark.slow
def test_how_many_processes_decode_changes_no_bit(folder: Path) -> None:
    alone = streamed(folder, workers=0)
    views = alone.training_batches(6, seed=2, steps=4)
    for workers in (1, 3):
        several = streamed(folder, workers=workers)
        assert torch.equal(several.mean, alone.mean)
        assert torch.equal(several.components, alone.components)
        more = several.training_batches(6, seed=2, steps=4)
        assert all(torch.equal(views(step), more(step)) for step in (0, 1, 2, 3, 1, 2))
        more.close()
        for one, other in zip(
            alone.test_images.tensor_split(3), several.test_images.tensor_split(3), strict=True
        ):
            assert torch.equal(one, other)
        assert torch.equal(*(torch.cat(list(some.train_images.ten_crops(4))) for some in (alone, several)))


@pytest.mark.slow
def test_torch_s_own_random_numbers_are_left_alone(folder: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    views = streamed(folder, workers=1).training_batches(6, seed=0, steps=4)
    views(0)
    views.close()
    assert torch.equal(torch.rand(3), expected)


def cut(root: Path) -> Path:
    path = root / "train" / "class-1" / "3.jpg"
    path.write_bytes(path.read_bytes()[:300])
    return path


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_damaged_image_is_named_when_it_is_reached(
    folder: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "COLOUR_IMAGES", 4)
    found = streamed(folder, workers=workers)
    damaged = cut(folder)
    where = [found.train_images.paths[i] for i in range(16)].index(damaged)
    assert where >= 4
    reached = next(step for step in range(4) if where in batch_indices(step, 6, 16, 0).tolist())
    views = found.training_batches(6, seed=0, steps=4)
    for step in range(reached):
        views(step)
    message = f"{damaged} cannot be read \\(.*\\); repair it and resume"
    with pytest.raises(data.DataMissing, match=message) as told:
        views(reached)
    assert "\n" not in str(told.value)
    for ask in (lambda: found.train_images[where], lambda: list(found.train_images.tensor_split(2))):
        with pytest.raises(data.DataMissing, match=message):
            ask()


def test_a_damaged_image_is_named_at_once_if_it_is_among_the_first(folder: Path) -> None:
    with pytest.raises(data.DataMissing, match=f"{cut(folder)} cannot be read"):
        streamed(folder)


@pytest.mark.slow
def test_a_process_that_dies_is_said(folder: Path) -> None:
    views = streamed(folder, workers=1).training_batches(16, seed=0, steps=1000)
    views(0)
    (process,) = multiprocessing.active_children()
    process.kill()
    with pytest.raises(data.DataMissing, match=r"processes that decode photographs failed: "):
        list(map(views, range(1, 1000)))
    assert multiprocessing.active_children() == []


ENDLESS = """
import signal, torch
from resnet_edu.data.photographs import prefetch
signal.signal(signal.SIGTERM, lambda *_: None)
for _ in prefetch(range(10**9), range(10**9), 1, torch.device("cpu")): print("one", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals to groups of processes")
def test_decoding_outlasts_a_signal_to_the_group_and_nobody_outlives_who_trains(tmp_path: Path) -> None:
    """torchrun signals the group that it has started; whoever trains heeds it, and still needs images."""
    trains = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, start_new_session=True)
    assert trains.stdout is not None
    assert trains.stdout.readline() == b"one\n"
    helpers = psutil.Process(trains.pid).children(recursive=True)
    os.killpg(trains.pid, signal.SIGTERM)
    for _ in range(1_000):
        assert trains.stdout.readline() == b"one\n"
    trains.kill()
    trains.wait()
    trains.stdout.close()
    _, left = psutil.wait_procs(helpers, timeout=60)
    assert not left


def test_a_gpu_is_fed_by_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, workers in ((1, 1), (12, 12), (200, 16)):
        monkeypatch.setattr(photographs, "cores", lambda cores=cores: cores)
        assert default_workers(torch.device("cpu")) == 1
        assert default_workers(torch.device("cuda")) == workers


def test_normalised_views_have_mean_0_and_deviation_1(folder: Path) -> None:
    found = streamed(folder)
    images = normalise(found.train_images[:], found)
    assert images.mean((0, 2, 3)).abs().max() < 1e-5
    assert images.square().mean().sqrt() == pytest.approx(1, abs=1e-5)


def test_only_some_images_tell_the_colours_of_a_large_folder(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(loading, "COLOUR_IMAGES", 5)
    found = streamed(folder)
    expected = found.train_images[:5].double().mean((0, 2, 3)) / 255
    assert found.mean.flatten().tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert np.isfinite(found.components.numpy()).all()
