"""How to compute a training fastest: precision, memory format, threads, compilation; found by measuring."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from resnet_edu import nets
from resnet_edu.data import DataSet
from resnet_edu.experiment import Cifar, Dense, Experiment, Imagenet, Net
from resnet_edu.randomness import generator_for
from resnet_edu.training.batches import Resident
from resnet_edu.training.devices import FORMATS, PRECISIONS, checked, provenance, synchronize
from resnet_edu.training.engine import Engine

WORTH_MEASURING = 1_000
WORTH_COMPILING = 10_000
CLEARLY = 1.1
REPAID = 2.0
TIMED = 3
COMPILATION = {"uncompiled", "compiled", "compiling"}
Timed = dict[str, float]
"""What was measured: milliseconds a step by candidate, and `compiling`, milliseconds once."""


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
) -> dict[str, Any]:
    """Everything about how to compute this experiment, and what spoke for it.

    Short runs use float32, contiguous, the first of `threads`, and are not compiled. From `WORTH_MEASURING`
    steps on a short measurement comes first, of precision × memory format and then of `threads`; from
    `WORTH_COMPILING` on also of torch.compile, which `compile` true or false settles instead. What was
    measured is looked up in `known`, or added to it: it holds for all depths, units, shortcuts and seeds
    of a family and width, so that the arms of a study are computed alike. Raises `DeviceError` for a device
    that is not here.
    """
    device, steps = checked(device), experiment.recipe.steps
    how: dict[str, Any] = {"device": device, "precision": PRECISIONS[0], "memory_format": FORMATS[0]}
    how |= provenance(device) | {"threads": threads[0]}
    if steps < WORTH_MEASURING:
        return how | _compilation(steps, {}, compile)
    trial = _Trial(experiment, (channels, side, classes))
    timed = ({} if known is None else known).setdefault(trial.holds_for(how, threads), {})
    for name in (f"{precision} {form}" for precision in PRECISIONS for form in FORMATS):
        if name not in timed:
            timed[name] = trial.milliseconds(how | _named(name))
    best = _clearly_best([f"{p} {f}" for p in PRECISIONS for f in FORMATS], timed)
    how |= _named(best)
    if len(threads) > 1 and torch.device(device).type == "cpu":
        timed |= {f"{threads[0]} threads": timed[best]}
        for count in threads[1:]:
            if f"{count} threads" not in timed:
                timed[f"{count} threads"] = trial.milliseconds(how | {"threads": count})
        how["threads"] = int(_clearly_best([f"{count} threads" for count in threads], timed).split()[0])
    failed = ""
    if compile is None and steps >= WORTH_COMPILING and not timed.keys() >= COMPILATION:
        failed = trial.compile(how, timed)
    return how | _compilation(steps, timed, compile, failed) | {"measured_ms_per_step": dict(timed)}


def _named(candidate: str) -> dict[str, str]:
    precision, form = candidate.split()
    return {"precision": precision, "memory_format": form}


def _clearly_best(names: Sequence[str], timed: Timed) -> str:
    """The quickest candidate, if clearly quicker than the first one, which is the plainest."""
    best = min(names, key=timed.__getitem__)
    return best if timed[names[0]] > CLEARLY * timed[best] else names[0]


def _compilation(steps: int, timed: Timed, told: bool | None, failed: str = "") -> dict[str, Any]:
    """Whether to compile, and why. A deeper net's steps and compilation take longer in the same measure,
    so what holds for the shallow net that was measured holds for it too."""
    if told is not None:
        return {"compiled": told, "compiled_because": "told so"}
    if failed:
        return {"compiled": False, "compiled_because": failed}
    if steps < WORTH_COMPILING:
        return {"compiled": False, "compiled_because": f"{steps} steps; tried from {WORTH_COMPILING} on"}
    saved, cost = steps * (timed["uncompiled"] - timed["compiled"]) / 1000, timed["compiling"] / 1000
    why = f"measured on a shallow net: it takes {cost:.1f} s and saves {saved:.1f} s in {steps} steps"
    return {"compiled": saved > REPAID * cost, "compiled_because": why}


def shallow(net: Net) -> Net:
    """A shallow residual net of the same family and width: what is measured, whoever asks first."""
    match net:
        case Cifar():
            return Cifar(depth=14, width=net.width, widen=net.widen)
        case Dense():
            return Dense(depth=8, width=net.width)
        case Imagenet():
            return Imagenet(depth=18, width=net.width)


class _Trial:
    """Some steps of a shallow net on random images, timed by the engine that is to compute the training."""

    def __init__(self, experiment: Experiment, shape: tuple[int, int, int]) -> None:
        self.experiment = Experiment(shallow(experiment.net), recipe=experiment.recipe)
        self.shape = shape

    def holds_for(self, how: dict[str, Any], threads: Sequence[int]) -> str:
        net, (channels, side, classes) = self.experiment.net, self.shape
        width = f"{net.kind}, width {net.width}" + (f"×{net.widen}" if isinstance(net, Cifar) else "")
        images = f"images {channels}×{side}×{side}, {classes} classes, batch {self.experiment.recipe.batch}"
        machine = (
            f"{how['device']} {how['device_name']}, {how['cores']} cores, torch {how['versions']['torch']}"
        )
        return f"{width}, {images}, {machine}, threads {' or '.join(map(str, threads))}"

    def milliseconds(self, how: dict[str, Any]) -> float:
        """Of a step, the least of a few."""
        with _threads(how["threads"]):
            return _milliseconds(self.engine(how))

    def compile(self, how: dict[str, Any], timed: Timed) -> str:
        """Adds what compilation costs and gives; returns why it failed, if it did."""
        plain = self.milliseconds(how)
        with _threads(how["threads"]):
            started = time.perf_counter()
            engine = self.engine(how | {"compiled": True})
            cost = 1000 * (time.perf_counter() - started)
            if failed := engine.found().get("compiled_because"):
                return failed
            timed |= {"uncompiled": plain, "compiled": _milliseconds(engine), "compiling": round(cost, 3)}
        return ""

    def engine(self, how: dict[str, Any]) -> Engine:
        channels, side, classes = self.shape
        device, form, batch = (
            how["device"],
            getattr(torch, how["memory_format"]),
            self.experiment.recipe.batch,
        )
        net = nets.build(self.experiment.net, channels=channels, side=side, classes=classes, seed=0)
        net = net.to(device).to(memory_format=form)
        draws = generator_for(0, "trial")
        images = torch.randint(256, (batch, channels, side, side), generator=draws, dtype=torch.uint8)
        labels = torch.randint(classes, (batch,), generator=draws).to(device)
        images = images.to(device)
        names = tuple(str(label) for label in range(classes))
        data = DataSet(images, labels, images, labels, names, images[0].float() / 255, 1.0)
        rows = 50 if images.is_cuda else 1
        return Engine(self.experiment, net, Resident(self.experiment, data, form, rows), how, rows)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _milliseconds(engine: Engine) -> float:
    """The first steps, which are slow, are not counted; nor does any move the weights."""
    seconds = []
    for _ in range(1 + TIMED):
        engine.begin(0, [0.0] * engine.rows)
        started = time.perf_counter()
        for row in range(engine.rows):
            engine.ready(row)
            engine.run(False)
        synchronize(engine.how["device"])
        seconds.append((time.perf_counter() - started) / engine.rows)
    return round(1000 * min(seconds[1:]), 3)
