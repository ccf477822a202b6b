"""Seeds of one net (resnet-20) trained at once, in steps a second of all of them together: one after the
other in one process, in processes of one thread each, on CUDA streams of one process, and stacked into one
model by torch.func (its forward pass, backward pass and update alone, on random images: its best case).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.common import CUDA, cifar, digits, in_processes, markdown, plain_how, run, trainer
from benchmarks.stacked import Stacked
from resnet_edu import data, nets
from resnet_edu.experiment import Experiment
from resnet_edu.training.devices import autocast, synchronize
from resnet_edu.training.engine import Engine
from resnet_edu.training.graphs import Cuda

STEPS, STEPS_ON_CUDA = 20, 300


def table() -> str:
    if CUDA:
        half = {"precision": "bfloat16", "memory_format": "channels_last"}
        return _table(cifar("resnet-20"), plain_how("cuda", **half), (1, 2, 4, 8), STEPS_ON_CUDA)
    return _table(digits("resnet-20"), plain_how(), (1, 2, 4, 12), STEPS)


def _table(experiment: Experiment, how: dict[str, Any], counts: tuple[int, ...], steps: int) -> str:
    cores = os.cpu_count() or 1
    ways: dict[str, Callable[[int], float]] = {
        "one after the other": lambda n: alternating(experiment, how, n, steps),
        "processes": lambda n: in_as_many_processes(experiment, how, n, steps),
        "stacked": lambda n: stacked(experiment, how, n, steps),
    }
    if CUDA:
        ways |= {"streams": lambda n: streams(experiment, how, n, steps)}
    else:
        ways |= {
            f"stacked, {cores} threads": lambda n: stacked(experiment, how | {"threads": cores}, n, steps)
        }
    rows = [[name, *(f"{measure(count):.1f}" for count in counts)] for name, measure in ways.items()]
    return markdown(["steps/s of all, at a time", *counts], rows)


def alternating(experiment: Experiment, how: dict[str, Any], count: int, steps: int) -> float:
    """Steps a second of `count` engines, each of which makes a block in turn."""
    engines = _warm(experiment, how, count)
    started = time.perf_counter()
    for engine in engines:
        run(engine, steps)
    return count * steps / (time.perf_counter() - started)


def in_as_many_processes(experiment: Experiment, how: dict[str, Any], count: int, steps: int) -> float:
    """The sum of what each process makes while all of them are at it."""
    return sum(in_processes(one_of_many, [(experiment, how, steps)] * count))


def one_of_many(barrier, experiment: Experiment, how: dict[str, Any], steps: int) -> float:
    (engine,) = _warm(experiment, how, 1)
    barrier.wait()
    started = time.perf_counter()
    run(engine, steps)
    return steps / (time.perf_counter() - started)


def streams(experiment: Experiment, how: dict[str, Any], count: int, steps: int) -> float:
    """One thread replays a step of each in turn, each on its own stream."""
    engines = _warm(experiment, how, count)
    contexts = [_stream(how) for _ in engines]
    for engine in engines:
        engine.begin(0, [0.01] * steps)
    synchronize(how["device"])
    started = time.perf_counter()
    for step in range(steps):
        for engine, stream in zip(engines, contexts, strict=True):
            with stream():
                engine.ready(step)
                engine.run(False)
    synchronize(how["device"])
    return count * steps / (time.perf_counter() - started)


def _stream(how: dict[str, Any]) -> Callable[[], contextlib.AbstractContextManager]:
    if torch.device(how["device"]).type != "cuda":
        return contextlib.nullcontext
    stream = torch.cuda.Stream(how["device"])
    return lambda: torch.cuda.stream(stream)


def stacked(experiment: Experiment, how: dict[str, Any], count: int, steps: int) -> float:
    """The stacked step, captured where there is a GPU."""
    torch.set_num_threads(how["threads"])
    images = data.load(experiment.data, device=how["device"])
    shape = {"channels": images.channels, "side": images.side, "classes": images.classes}
    form = getattr(torch, how["memory_format"])
    made = [nets.build(experiment.net, **shape, seed=seed).to(how["device"]) for seed in range(count)]
    model = Stacked([net.to(memory_format=form) for net in made])
    size = count, experiment.recipe.batch
    inputs = torch.randn(*size, images.channels, images.side, images.side, device=how["device"])
    labels = torch.randint(images.classes, size, device=how["device"])
    lr = torch.full((1,), 0.01, device=how["device"])

    def step() -> None:
        with autocast(how):
            model.step(inputs, labels, lr)

    once = step
    if torch.device(how["device"]).type == "cuda":
        stage = Cuda(torch.device(how["device"]))
        for _ in range(3):
            stage.aside(step)
        once = stage.capture(step)
    once()
    synchronize(how["device"])
    started = time.perf_counter()
    for _ in range(few := max(2, steps // count)):
        once()
    synchronize(how["device"])
    return count * few / (time.perf_counter() - started)


def _warm(experiment: Experiment, how: dict[str, Any], count: int) -> list[Engine]:
    images = data.load(experiment.data, device=how["device"])
    engines = [trainer(experiment, how, images).engine for _ in range(count)]
    for engine in engines:
        run(engine, 6)  # as many as it takes to warm up, capture and replay
    return engines
