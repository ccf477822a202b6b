"""Images a second of data alone, of a net alone and of both together, and what each part of a photograph's
way costs. The photographs are made here, with the spectrum of natural ones: 500×375 pixels as in ImageNet,
and 4000×3000 as of a telephone.

What makes data smaller (decoding, cropping, resizing) is the worker processes' part, so that only a crop's
uint8 values travel. What makes them larger (float32, mean, scale, colour) is the device's, where it is one
pass over a batch that is in memory anyway.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.common import markdown, plain_compute, trainer
from resnet_edu import data
from resnet_edu.data import DataSet, StreamedSet
from resnet_edu.data.crops import centre_crop, ten_crops, training_crop
from resnet_edu.experiment import Experiment
from resnet_edu.experiment.budgets import at
from resnet_edu.experiment.image_reading import open_upright
from resnet_edu.host import cores
from resnet_edu.training.devices import available_devices, synchronize

SIZES = {"500×375": (500, 375, 96), "4000×3000": (4000, 3000, 6)}
VIEWS: dict[str, Callable[[Path], object]] = {
    "decode": lambda path: open_upright(path, 368),
    "training view": lambda path: training_crop(path, 224, 368, (0.4, 0.6), True),
    "test view": lambda path: centre_crop(path, 224, 256),
    "ten crops": lambda path: ten_crops(path, 224, 256),
}
DEVICE = available_devices()[0]
BATCH, STEPS = (8, 3) if DEVICE == "cpu" else (256, 50)
WORKERS = (0, 1, 2, 4, 8, 16)
NETS = ("resnet-18", "resnet-34")


def table() -> str:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folders = {name: _folder(Path(place, name), *size) for name, size in SIZES.items()}
        costs = [_costs(name, folder) for name, folder in folders.items()]
        usual = folders["500×375"]
        rates = [[f"data, workers: {count}", _rate_of_data(usual, count)] for count in _sensible(WORKERS)]
        for net in NETS:
            alone, together, waiting = _rates_of_net(net, usual)
            rates += [[f"{net} alone, on {DEVICE}", alone]]
            rates += [[f"{net} on data, of which it waits {waiting:.1%}", together]]
    head = ["one photograph, ms on one core (short side 368, crop 224)", *VIEWS]
    lit = f"On {DEVICE}: {_on_device():.3f} ms a photograph for float32, mean, scale and colour."
    return "\n\n".join([markdown(head, costs), lit, markdown(["500×375, crop 224", "images/s"], rates)])


def _folder(root: Path, width: int, height: int, count: int) -> Path:
    for number in range(count + 4):
        folder = root / ("train" if number < count else "test") / f"class-{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_natural(width, height, number)).save(folder / f"{number}.jpg", quality=92)
    return root


def _natural(width: int, height: int, number: int) -> np.ndarray:
    random = np.random.RandomState(number)
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequencies[0, 0] = 1
    frequencies **= 1.1
    planes = np.fft.irfft2(np.fft.rfft2(random.randn(3, height, width)) / frequencies, (height, width))
    colours = np.tensordot(random.randn(3, 3) * (1, 0.3, 0.1), planes, 1)
    return (128 + 55 * colours / colours.std()).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


def _costs(name: str, folder: Path) -> list[str]:
    paths = sorted(folder.rglob("*.jpg"))[:24]
    size = sum(path.stat().st_size for path in paths) / len(paths) / 1000
    return [f"{name}, {size:.0f} kB", *(f"{1000 * _median(view, paths):.1f}" for view in VIEWS.values())]


def _on_device() -> float:
    """Milliseconds a photograph of what is left to the device."""
    clock = time.thread_time if DEVICE == "cpu" else time.perf_counter
    images = torch.randint(256, (BATCH, 3, 224, 224), dtype=torch.uint8, device=DEVICE)
    shifts = torch.randn(BATCH, 3, 1, 1, device=DEVICE)
    mean = torch.full((3, 1, 1), 0.45, device=DEVICE)

    times = []
    for _ in range(20):
        started = clock()
        (images.float() / 255 - mean) / 0.27 + shifts
        synchronize(DEVICE)
        times.append(clock() - started)
    return 1000 * statistics.median(times) / BATCH


def _median(work: Callable, on: Iterable) -> float:
    """Seconds of one core, which others on the machine do not lengthen by having it in between."""
    times = []
    for each in on:
        started = time.thread_time()
        work(each)
        times.append(time.thread_time() - started)
    return statistics.median(times)


def _sensible(workers: Iterable[int]) -> list[int]:
    """Up to twice as many as cores."""
    return [count for count in workers if count <= 2 * cores()]


def _streamed(folder: Path, workers: int | None = None) -> StreamedSet:
    spec = dataclasses.replace(at("imagenet", "resnet-18").data, path=str(folder))
    found = data.load(spec, DEVICE, workers=workers)
    assert isinstance(found, StreamedSet)
    return found


def _rate_of_data(folder: Path, workers: int) -> str:
    """After the first batches, which start the processes."""
    batch, steps = 32, 12 + 12 * workers
    views = _streamed(folder, workers).training_batches(batch, seed=0, steps=steps)
    first = 2 * workers + 1
    for step in range(first):
        views(step)
    started = time.perf_counter()
    for step in range(first, steps):
        views(step)
    seconds = time.perf_counter() - started
    views.close()
    return f"{batch * (steps - first) / seconds:.0f}"


def _rates_of_net(net: str, folder: Path) -> tuple[str, str, float]:
    """Images a second alone and on data, and which share of the latter's time it waits for data."""
    experiment = at("imagenet", net)
    recipe = dataclasses.replace(experiment.recipe, steps=1_000_000, batch=BATCH)
    experiment = dataclasses.replace(experiment, recipe=recipe)
    streamed = _streamed(folder)
    seconds, _ = _seconds_a_step(experiment, _still(streamed))
    on_data, waiting = _seconds_a_step(experiment, streamed)
    return f"{BATCH / seconds:.1f}", f"{BATCH / on_data:.1f}", waiting / on_data


def _still(streamed: StreamedSet) -> DataSet:
    """Some of the photographs, in memory."""
    images = streamed.train_images[:32].to(DEVICE)
    labels = streamed.train_labels[:32]
    return DataSet(images, labels, images, labels, streamed.class_names, streamed.mean, streamed.scale)


def _seconds_a_step(experiment: Experiment, images: DataSet) -> tuple[float, float]:
    precision = "float32" if DEVICE == "cpu" else "bfloat16"
    compute = plain_compute(DEVICE, precision=precision, memory_format="channels_last")
    made = trainer(experiment, compute, images)
    engine, waited = made.engine, 0.0
    for part in range(2):  # the first warms up
        engine.begin(part * STEPS, [0.01] * STEPS)
        synchronize(DEVICE)
        started, waited = time.perf_counter(), 0.0
        for step in range(part * STEPS, (part + 1) * STEPS):
            asked = time.perf_counter()
            engine.prepare(step)
            waited += time.perf_counter() - asked
            engine.run(False)
        synchronize(DEVICE)
    made.batches.close()
    return (time.perf_counter() - started) / STEPS, waited / STEPS
