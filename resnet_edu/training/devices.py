"""Where and how a training is computed: device, precision, memory format, threads."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import resnet_edu
from resnet_edu import nets
from resnet_edu.experiment import Experiment
from resnet_edu.spec import SpecError

PRECISIONS = ("float32", "bfloat16")
FORMATS = ("contiguous_format", "channels_last")
WORTH_MEASURING = 1_000
TIMED_STEPS = 3
CLEARLY = 1.1


class DeviceError(SpecError):
    """A device that this machine does not have."""


def available() -> list[str]:
    found = ["cuda"] if torch.cuda.is_available() else []
    found += ["mps"] if torch.backends.mps.is_available() else []
    return [*found, "cpu"]


def checked(device: str | None) -> str:
    """The device, or the best there is; raises `DeviceError` for one that is not here."""
    found = available()
    if device is None:
        return found[0]
    count = torch.cuda.device_count()
    known = [*found, *(f"cuda:{index}" for index in range(count))]
    if device not in known:
        raise DeviceError(f"device is {device!r}; this machine has {', '.join(known)}")
    return device


def choose(
    experiment: Experiment,
    *,
    channels: int,
    side: int,
    classes: int,
    device: str | None = None,
    known: dict[str, dict[str, float]] | None = None,
) -> dict[str, Any]:
    """Device, precision and memory format for this experiment, and what spoke for them.

    Long runs are preceded by a short measurement of the candidates; short ones use float32,
    contiguous. What was measured is looked up in `known`, or added to it: it holds for every
    depth, shortcut and seed, so that the arms of a study are computed alike. Raises `DeviceError`
    for a device that is not here.
    """
    device = checked(device)
    how: dict[str, Any] = {"device": device, "precision": PRECISIONS[0], "memory_format": FORMATS[0]}
    how |= provenance(device)
    if experiment.recipe.steps >= WORTH_MEASURING:
        known = {} if known is None else known
        key = _measured_for(experiment, (channels, side, classes), how)
        if key not in known:
            known[key] = _timed(experiment, (channels, side, classes), device)
        how["precision"], how["memory_format"] = _fastest(known[key]).split()
        how["measured_ms_per_step"] = known[key]
    return how


def _measured_for(experiment: Experiment, shape: tuple[int, int, int], how: Mapping[str, Any]) -> str:
    """What a measurement holds for: net family and width, image shape, batch, machine."""
    net, (channels, side, classes) = experiment.net, shape
    images = f"{channels}×{side}×{side}, {classes} classes"
    machine = (
        f"{how['device']} {how['device_name']}, {how['threads']} threads, torch {how['versions']['torch']}"
    )
    return f"{net.kind}, width {net.width}, images {images}, batch {experiment.recipe.batch}, {machine}"


def apply(how: Mapping[str, Any]) -> None:
    """Set this process up as the run was begun (threads decide the last bits on a CPU).

    Raises `SpecError` where `how`, read from a file, says what cannot be.
    """
    for name, allowed in (("precision", PRECISIONS), ("memory_format", FORMATS)):
        if how.get(name) not in allowed:
            raise SpecError(f"how.json: {name} is {how.get(name)!r}; allowed: {', '.join(allowed)}")
    threads = how.get("threads")
    if not isinstance(threads, int) or threads < 1:
        raise SpecError(f"how.json: threads is {threads!r}; allowed: 1 and more")
    torch.set_num_threads(threads)


def autocast(how: Mapping[str, Any]) -> contextlib.AbstractContextManager:
    """bfloat16 where the run uses it; weights, norms and losses stay float32."""
    if how["precision"] == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(how["device"]).type, dtype=getattr(torch, how["precision"]))


def _timed(experiment: Experiment, shape: tuple[int, int, int], device: str) -> dict[str, float]:
    """Milliseconds a step of every candidate, on the residual twin and random images."""
    twin = experiment.twin() if experiment.net.plain else experiment
    channels, side, classes = shape
    images = torch.randn(twin.recipe.batch, channels, side, side, device=device)
    labels = torch.randint(classes, (twin.recipe.batch,), device=device)
    timed = {}
    for precision in PRECISIONS:
        for form in FORMATS:
            how = {"device": device, "precision": precision}
            net = nets.build(twin.net, channels=channels, side=side, classes=classes, seed=0)
            net = net.to(device).to(memory_format=getattr(torch, form))
            inputs = images.contiguous(memory_format=getattr(torch, form))
            times = [_seconds_of_a_step(net, inputs, labels, how) for _ in range(1 + TIMED_STEPS)]
            timed[f"{precision} {form}"] = round(1000 * min(times[1:]), 3)
    return timed


def _seconds_of_a_step(net, inputs, labels, how) -> float:
    started = time.perf_counter()
    with autocast(how):
        logits = net(inputs)
    F.cross_entropy(logits.float(), labels).backward()
    if torch.device(how["device"]).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _fastest(timed: Mapping[str, float]) -> str:
    """The quickest candidate, if clearly quicker than the plainest one."""
    plainest = f"{PRECISIONS[0]} {FORMATS[0]}"
    best = min(timed, key=timed.__getitem__)
    return best if timed[plainest] > CLEARLY * timed[best] else plainest


def provenance(device: str) -> dict[str, Any]:
    kind = torch.device(device).type
    name = torch.cuda.get_device_name(device) if kind == "cuda" else _processor()
    return {
        "device_name": name,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "versions": {
            "resnet_edu": resnet_edu.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    """The processor's own name where the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
