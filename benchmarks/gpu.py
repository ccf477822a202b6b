"""The paper's CIFAR nets at batch 128 on a GPU: images a second as steps are launched one by one, captured in
a CUDA graph, and captured after torch.compile; the share of the memory floor that is reached (each
convolution's activations read and written once in bfloat16, forward and twice backward, at the bandwidth
measured here); the cost of recording all norms at every step; and what 64,000 steps take. Processes, streams
and stacked models are compared by `python -m benchmarks together`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch

from benchmarks.common import CUDA, cifar, markdown, plain_compute, seconds_a_step, trainer
from resnet_edu import data, nets
from resnet_edu.experiment import Experiment
from resnet_edu.training import ComputeChoice
from resnet_edu.training.devices import synchronize

NETS = ("resnet-20", "resnet-56", "resnet-110")
STEPS = 200
REMAINS = """No CUDA device here. What remains to be measured on one, and decides what:

- captures succeed and equal eager steps within rounding: `tests/training/test_cuda.py`;
- images/s eager, captured, captured and compiled: whether `WORTH_COMPILING` suits a GPU;
- recording every step < 3 %, else norms must be thinned inside the graph;
- n at a time by processes (with and without MPS), streams and stacked: `machine.TAKING_TURNS` and `TOGETHER`;
- the memory floor and launches a step: what bounds each net."""


def table() -> str:
    if not CUDA:
        return REMAINS
    return measured("cuda", NETS, STEPS)


def measured(device: str, names: tuple[str, ...], steps: int) -> str:
    speed = bandwidth(device)
    rows = [[name, *_row(cifar(name), device, steps, speed)] for name in names]
    head = [
        "net",
        "eager",
        "captured",
        "compiled too",
        "of the floor",
        "launches a step",
        "norms, every step",
    ]
    text = f"Memory bandwidth, measured by copying: {speed / 1e12:.2f} TB/s. Images a second:"
    return f"{text}\n\n{markdown([*head, '64,000 steps'], rows)}"


def _row(experiment: Experiment, device: str, steps: int, speed: float) -> list[str]:
    compute = plain_compute(device, precision="bfloat16", memory_format="channels_last")
    images = data.load(experiment.data, device=device)
    batch = experiment.recipe.batch
    ways = {
        "eager": replace(compute, captured=False),
        "captured": compute,
        "compiled": replace(compute, compiled=True),
    }
    seconds: dict[str, float] = {}
    said: dict[str, Any] = {}
    for way, each in ways.items():
        engine = trainer(experiment, each, images).engine
        seconds[way] = seconds_a_step(engine, steps)
        said |= engine.resolved()
        if way == "captured":
            recorded = seconds_a_step(engine, steps, record=True) / seconds[way] - 1
    floor = batch * floor_bytes(experiment, images) / speed
    cells = [f"{batch / seconds[way]:.0f}" for way in ways]
    if said.get("captured") is False:
        cells[1] += f" (not captured: {said['captured_because']})"
    if said.get("compiled") is False:
        cells[2] += f" (not compiled: {said['compiled_because']})"
    best = min(seconds.values())
    launched = str(launches(experiment, compute, images))
    return [*cells, f"{floor / best:.0%}", launched, f"{recorded:.1%}", f"{64_000 * best / 60:.1f} min"]


def bandwidth(device: str, size: int = 2**28) -> float:
    """Bytes a second, read and written, of copying a large tensor."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = 0.0
    for _ in range(5):
        synchronize(device)
        started = time.perf_counter()
        target.copy_(source)
        synchronize(device)
        best = max(best, 2 * size / (time.perf_counter() - started))
    return best


def floor_bytes(experiment: Experiment, images: data.DataSet) -> float:
    """Bytes that a step must move per image: inputs and outputs of all weighted layers, three times."""
    net = nets.assemble(
        experiment.net, channels=images.channels, side=images.side, classes=images.classes
    ).eval()
    numbers = 0

    def seen(module, inputs, output) -> None:
        nonlocal numbers
        numbers += inputs[0].numel() + output.numel()

    for module in net.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(seen)
    with torch.no_grad():
        net(torch.zeros(1, images.channels, images.side, images.side))
    return 3 * 2 * numbers


def launches(experiment: Experiment, compute: ComputeChoice, images: data.DataSet) -> int:
    """Kernels and copies of one eager step."""
    engine = trainer(experiment, replace(compute, captured=False), images).engine
    seconds_a_step(engine, 1, times=1)
    kinds = [torch.profiler.ProfilerActivity.CPU]
    kinds += [torch.profiler.ProfilerActivity.CUDA] if CUDA else []
    with torch.profiler.profile(activities=kinds) as profile:
        seconds_a_step(engine, 1, times=0)
    return sum(1 for event in profile.events() if event.device_type == torch.autograd.DeviceType.CUDA)
