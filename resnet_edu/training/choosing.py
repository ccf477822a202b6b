"""The fastest way to compute a training, by measurement: precision, memory format, threads, compilation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch

from resnet_edu import nets
from resnet_edu.data import DataSet
from resnet_edu.experiment import Cifar, Dense, Experiment, Imagenet, Net
from resnet_edu.randomness import generator_for
from resnet_edu.training.batches import DeviceBatches
from resnet_edu.training.compute import FORMATS, PRECISIONS, ComputeChoice
from resnet_edu.training.devices import provenance, resolve_device, synchronize
from resnet_edu.training.engine import Engine

WORTH_MEASURING = 1_000  # steps
WORTH_COMPILING = 10_000  # steps
CLEARLY = 1.1  # ratio of times
REPAID = 2.0  # seconds saved per second of compilation
TIMED = 3  # repetitions
COMPILATION = {"uncompiled", "compiled", "compiling"}
Timed = dict[str, float]
"""Milliseconds per step by candidate, and "compiling": milliseconds once."""


def choose(
    experiment: Experiment,
    *,
    channels: int,
    side: int,
    classes: int,
    device: str | None = None,
    threads: Sequence[int] = (1,),
    compile: bool | None = None,
    known: dict[str, Timed] | None = None,
) -> ComputeChoice:
    """How to compute this experiment, and the measurements behind the choice.

    experiment  what to train
    channels    of its images
    side        height and width of its images, in pixels
    classes     number of classes
    device      default: the fastest kind of this machine; raises `DeviceError` for one that it lacks
    threads     candidates for the number of CPU threads
    compile     true or false decides; None: measure
    known       earlier measurements, to which new ones are added

    Below `WORTH_MEASURING` steps: float32, contiguous, the first of `threads`, not compiled. From there on it
    measures precision × memory format, then `threads`; from `WORTH_COMPILING` steps on also torch.compile.
    A measurement is valid for all depths, units, shortcuts and seeds of a family and width, so that the arms
    of a study are computed alike.
    """
    device, steps = resolve_device(device), experiment.recipe.steps
    compute = ComputeChoice(**{"device": device} | provenance(device) | {"threads": threads[0]})
    if steps < WORTH_MEASURING:
        return _with_compilation(compute, steps, {}, compile)
    trial = _Trial(experiment, (channels, side, classes))
    timed = ({} if known is None else known).setdefault(trial.key(compute, threads), {})
    formats = [f"{precision} {form}" for precision in PRECISIONS for form in FORMATS]
    for name in formats:
        if name not in timed:
            timed[name] = trial.milliseconds(_with_format(compute, name))
    best = _clearly_best(formats, timed)
    compute = _with_format(compute, best)
    if len(threads) > 1 and torch.device(device).type == "cpu":
        timed |= {f"{threads[0]} threads": timed[best]}
        for count in threads[1:]:
            if f"{count} threads" not in timed:
                timed[f"{count} threads"] = trial.milliseconds(replace(compute, threads=count))
        fastest = _clearly_best([f"{count} threads" for count in threads], timed)
        compute = replace(compute, threads=int(fastest.split()[0]))
    failed = ""
    if compile is None and steps >= WORTH_COMPILING and not timed.keys() >= COMPILATION:
        failed = trial.compile(compute, timed)
    compute = _with_compilation(compute, steps, timed, compile, failed)
    return replace(compute, measured_ms_per_step=dict(timed))


def _with_format(compute: ComputeChoice, candidate: str) -> ComputeChoice:
    precision, form = candidate.split()
    return replace(compute, precision=precision, memory_format=form)


def _clearly_best(names: Sequence[str], timed: Timed) -> str:
    """The fastest candidate if it is clearly faster than the first, else the first."""
    best = min(names, key=timed.__getitem__)
    return best if timed[names[0]] > CLEARLY * timed[best] else names[0]


def _with_compilation(
    compute: ComputeChoice, steps: int, timed: Timed, requested: bool | None, failed: str = ""
) -> ComputeChoice:
    """Decide on compilation. A deeper net's steps and compilation take longer in the same proportion, so the
    measured shallow net's result is valid for it too."""
    if requested is not None:
        return replace(compute, compiled=requested, compiled_because="told so")
    if failed:
        return replace(compute, compiled_because=failed)
    if steps < WORTH_COMPILING:
        return replace(compute, compiled_because=f"{steps} steps; tried from {WORTH_COMPILING} on")
    saved, cost = steps * (timed["uncompiled"] - timed["compiled"]) / 1000, timed["compiling"] / 1000
    why = f"measured on a shallow net: it takes {cost:.1f} s and saves {saved:.1f} s in {steps} steps"
    return replace(compute, compiled=saved > REPAID * cost, compiled_because=why)


def shallow(net: Net) -> Net:
    """A shallow residual net of the same family and width: the one that is measured."""
    match net:
        case Cifar():
            return Cifar(depth=14, width=net.width, widen=net.widen)
        case Dense():
            return Dense(depth=8, width=net.width)
        case Imagenet():
            return Imagenet(depth=18, width=net.width)


class _Trial:
    """Some steps of a shallow net on random images, timed with the engine that will compute the training."""

    def __init__(self, experiment: Experiment, shape: tuple[int, int, int]) -> None:
        self.experiment = Experiment(shallow(experiment.net), recipe=experiment.recipe)
        self.shape = shape

    def key(self, compute: ComputeChoice, threads: Sequence[int]) -> str:
        """What a measurement is valid for."""
        net, (channels, side, classes) = self.experiment.net, self.shape
        width = f"{net.kind}, width {net.width}" + (f"×{net.widen}" if isinstance(net, Cifar) else "")
        images = f"images {channels}×{side}×{side}, {classes} classes, batch {self.experiment.recipe.batch}"
        machine = f"{compute.device} {compute.device_name}, {compute.cores} cores"
        machine += f", torch {compute.versions['torch']}"
        return f"{width}, {images}, {machine}, threads {' or '.join(map(str, threads))}"

    def milliseconds(self, compute: ComputeChoice) -> float:
        """Per step, the least of a few measurements."""
        with _threads(compute.threads):
            return _milliseconds(self.engine(compute))

    def compile(self, compute: ComputeChoice, timed: Timed) -> str:
        """Add the cost and gain of compilation to `timed`; returns why it failed, or ""."""
        plain = self.milliseconds(compute)
        with _threads(compute.threads):
            started = time.perf_counter()
            engine = self.engine(replace(compute, compiled=True))
            cost = 1000 * (time.perf_counter() - started)
            if engine.compile_error:
                return engine.compile_error
            timed |= {"uncompiled": plain, "compiled": _milliseconds(engine), "compiling": round(cost, 3)}
        return ""

    def engine(self, compute: ComputeChoice) -> Engine:
        """An engine for the shallow net and random images."""
        channels, side, classes = self.shape
        device, batch = compute.device, self.experiment.recipe.batch
        form: torch.memory_format = getattr(torch, compute.memory_format)
        net = nets.build(self.experiment.net, channels=channels, side=side, classes=classes, seed=0)
        net = net.to(device).to(memory_format=form)
        generator = generator_for(0, "trial")
        images = torch.randint(256, (batch, channels, side, side), generator=generator, dtype=torch.uint8)
        labels = torch.randint(classes, (batch,), generator=generator).to(device)
        images = images.to(device)
        names = tuple(str(label) for label in range(classes))
        data = DataSet(images, labels, images, labels, names, images[0].float() / 255, 1.0)
        rows = 50 if images.is_cuda else 1
        batches = DeviceBatches(self.experiment, data, form, rows)
        return Engine(self.experiment, net, batches, compute, rows)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _milliseconds(engine: Engine) -> float:
    """Milliseconds per step, without the slow first steps; a learning rate of 0 keeps the weights."""
    seconds = []
    for _ in range(1 + TIMED):
        engine.begin(0, [0.0] * engine.rows)
        started = time.perf_counter()
        for row in range(engine.rows):
            engine.prepare(row)
            engine.run(False)
        synchronize(engine.compute.device)
        seconds.append((time.perf_counter() - started) / engine.rows)
    return round(1000 * min(seconds[1:]), 3)
