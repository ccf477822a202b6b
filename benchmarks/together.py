"""Seeds of one net (resnet-20) trained at once, in steps a second of all of them together: one after the
other in one process, in processes of one thread each, on CUDA streams of one process, and stacked into one
model by torch.func (its forward pass, backward pass and update alone, on random images: its best case).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from benchmarks.common import CUDA, cifar, digits, in_processes, markdown, plain_compute, run, trainer
from benchmarks.stacked import Stacked
from resnet_edu import data, nets
from resnet_edu.experiment import Experiment
from resnet_edu.training import ComputeChoice
from resnet_edu.training.devices import autocast, synchronize
from resnet_edu.training.engine import Engine
from resnet_edu.training.graphs import CudaCapturer

STEPS, STEPS_ON_CUDA = 20, 300


def table() -> str:
    if CUDA:
        half = {"precision": "bfloat16", "memory_format": "channels_last"}
        return _table(cifar("resnet-20"), plain_compute("cuda", **half), (1, 2, 4, 8), STEPS_ON_CUDA)
    return _table(digits("resnet-20"), plain_compute(), (1, 2, 4, 12), STEPS)


def _table(experiment: Experiment, compute: ComputeChoice, counts: tuple[int, ...], steps: int) -> str:
    cores = os.cpu_count() or 1
    ways: dict[str, Callable[[int], float]] = {
        "one after the other": lambda n: alternating(experiment, compute, n, steps),
        "processes": lambda n: in_as_many_processes(experiment, compute, n, steps),
        "stacked": lambda n: stacked(experiment, compute, n, steps),
    }
    if CUDA:
        ways |= {"streams": lambda n: streams(experiment, compute, n, steps)}
    else:
        ways |= {
            f"stacked, {cores} threads": lambda n: stacked(
                experiment, replace(compute, threads=cores), n, steps
            )
        }
    rows = [[name, *(f"{measure(count):.1f}" for count in counts)] for name, measure in ways.items()]
    return markdown(["steps/s of all, at a time", *counts], rows)


def alternating(experiment: Experiment, compute: ComputeChoice, count: int, steps: int) -> float:
    """Steps a second of `count` engines, each of which makes a block in turn."""
    engines = _warm(experiment, compute, count)
    started = time.perf_counter()
    for engine in engines:
        run(engine, steps)
    return count * steps / (time.perf_counter() - started)


def in_as_many_processes(experiment: Experiment, compute: ComputeChoice, count: int, steps: int) -> float:
    """The sum of what each process makes while all of them are at it."""
    return sum(in_processes(one_of_many, [(experiment, compute, steps)] * count))


def one_of_many(barrier, experiment: Experiment, compute: ComputeChoice, steps: int) -> float:
    (engine,) = _warm(experiment, compute, 1)
    barrier.wait()
    started = time.perf_counter()
    run(engine, steps)
    return steps / (time.perf_counter() - started)


def streams(experiment: Experiment, compute: ComputeChoice, count: int, steps: int) -> float:
    """One thread replays a step of each in turn, each on its own stream."""
    engines = _warm(experiment, compute, count)
    contexts = [_stream(compute) for _ in engines]
    for engine in engines:
        engine.begin(0, [0.01] * steps)
    synchronize(compute.device)
    started = time.perf_counter()
    for step in range(steps):
        for engine, stream in zip(engines, contexts, strict=True):
            with stream():
                engine.prepare(step)
                engine.run(False)
    synchronize(compute.device)
    return count * steps / (time.perf_counter() - started)


def _stream(compute: ComputeChoice) -> Callable[[], contextlib.AbstractContextManager]:
    if torch.device(compute.device).type != "cuda":
        return contextlib.nullcontext
    stream = torch.cuda.Stream(compute.device)
    return lambda: torch.cuda.stream(stream)


def stacked(experiment: Experiment, compute: ComputeChoice, count: int, steps: int) -> float:
    """The stacked step, captured where there is a GPU."""
    torch.set_num_threads(compute.threads)
    images = data.load(experiment.data, device=compute.device)
    shape = {"channels": images.channels, "side": images.side, "classes": images.classes}
    form = getattr(torch, compute.memory_format)
    made = [nets.build(experiment.net, **shape, seed=seed).to(compute.device) for seed in range(count)]
    model = Stacked([net.to(memory_format=form) for net in made])
    size = count, experiment.recipe.batch
    inputs = torch.randn(*size, images.channels, images.side, images.side, device=compute.device)
    labels = torch.randint(images.classes, size, device=compute.device)
    lr = torch.full((1,), 0.01, device=compute.device)

    def step() -> None:
        with autocast(compute):
            model.step(inputs, labels, lr)

    once = step
    if torch.device(compute.device).type == "cuda":
        stage = CudaCapturer(torch.device(compute.device))
        for _ in range(3):
            stage.warm_up(step)
        once = stage.capture(step)
    once()
    synchronize(compute.device)
    started = time.perf_counter()
    for _ in range(few := max(2, steps // count)):
        once()
    synchronize(compute.device)
    return count * few / (time.perf_counter() - started)


def _warm(experiment: Experiment, compute: ComputeChoice, count: int) -> list[Engine]:
    images = data.load(experiment.data, device=compute.device)
    engines = [trainer(experiment, compute, images).engine for _ in range(count)]
    for engine in engines:
        run(engine, 6)  # as many as it takes to warm up, capture and replay
    return engines
