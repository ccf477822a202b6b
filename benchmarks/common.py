"""What benchmarks share: engines on real or random images, timed steps, tables, the machine's name."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from resnet_edu import data, training
from resnet_edu.experiment import Experiment
from resnet_edu.experiment.budgets import at
from resnet_edu.training import ComputeChoice, Recording
from resnet_edu.training.devices import available_devices, provenance, synchronize
from resnet_edu.training.engine import Engine
from resnet_edu.training.loop import Trainer

CUDA = torch.cuda.is_available()
KNOWN: dict[str, dict[str, float]] = {}
"""What one benchmark has measured of candidates, the next need not."""


def machine() -> str:
    told = provenance(available_devices()[0])
    versions = f"Python {told['versions']['python']}, torch {told['versions']['torch']}"
    return f"{told['device_name']}, {told['cores']} CPU cores, {platform.system()}, {versions}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def plain_compute(device: str = "cpu", threads: int = 1, **changed: Any) -> ComputeChoice:
    """float32, contiguous, not compiled, unless `changed` says otherwise."""
    return ComputeChoice(device, threads=threads, **changed)


def chosen_compute(experiment: Experiment, images: data.DataSet, **asked: Any) -> ComputeChoice:
    shape = {"channels": images.channels, "side": images.side, "classes": images.classes}
    return training.choose(experiment, **shape, **asked, known=KNOWN)


def trainer(experiment: Experiment, compute: ComputeChoice, images: data.DataSet | None = None) -> Trainer:
    """As a training begins, with this process set up for it."""
    training.configure_torch(compute)
    images = images or data.load(experiment.data, device=compute.device)
    return Trainer(experiment, images, compute, Recording())


def digits(net: str) -> Experiment:
    return at("minute", net)


def cifar(net: str, **recipe: Any) -> Experiment:
    paper = at("paper", net)
    return dataclasses.replace(paper, recipe=dataclasses.replace(paper.recipe, **recipe))


def seconds_a_step(engine: Engine, steps: int, times: int = 3, *, record: bool = False) -> float:
    """The least of a few; what is slow about first steps is not counted."""
    return min(run(engine, steps, record=record) for _ in range(1 + times))


def run(engine: Engine, steps: int, *, first: int = 0, record: bool = False) -> float:
    """Seconds a step of so many at a learning rate of 0.01, up to the end of the last."""
    synchronize(engine.compute.device)
    started = time.perf_counter()
    engine.begin(first, [0.01] * steps)
    for step in range(first, first + steps):
        engine.prepare(step)
        engine.run(record)
    synchronize(engine.compute.device)
    return (time.perf_counter() - started) / steps


def in_processes(work: Callable[..., Any], arguments: Sequence[tuple]) -> list[Any]:
    """`work(barrier, *arguments)` in a process each; all begin when the last one has reached the barrier."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(len(arguments)), context.Queue()
    os.environ["OMP_NUM_THREADS"] = "1"  # read as a process starts; `apply` says otherwise where it is wanted
    workers = [
        context.Process(target=_answer, args=(answers, work, barrier, *each), daemon=True)
        for each in arguments
    ]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=900) for _ in workers]
    for worker in workers:
        worker.join()
    return found


def _answer(answers: Any, work: Callable[..., Any], *arguments: Any) -> None:
    answers.put(work(*arguments))
