"""Devices of this machine, and setting up a process to compute on one."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path
from typing import Any

import torch

import resnet_edu
from resnet_edu.experiment.spec import SpecError
from resnet_edu.training.compute import ComputeChoice


class DeviceError(SpecError):
    """This machine does not have the device."""


def available_devices() -> list[str]:
    """Kinds of devices, the fastest first; "cpu" is always the last."""
    found = ["cuda"] if torch.cuda.is_available() else []
    found += ["mps"] if torch.backends.mps.is_available() else []
    return [*found, "cpu"]


def resolve_device(device: str | None) -> str:
    """The device, by default the fastest kind; raises `DeviceError` for one that this machine lacks."""
    found = available_devices()
    if device is None:
        return found[0]
    known = [*found, *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if device not in known:
        raise DeviceError(f"device is {device!r}; this machine has {', '.join(known)}")
    return device


def configure_torch(compute: ComputeChoice) -> None:
    """Set up this process: threads (which decide the last bits on a CPU), cuDNN, the current CUDA device."""
    torch.set_num_threads(compute.threads)
    device = torch.device(compute.device)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # all steps have the same shapes
        torch.cuda.set_device(device.index or 0)


def autocast(compute: ComputeChoice) -> contextlib.AbstractContextManager[object]:
    """bfloat16 autocast where the run uses it; weights, norms and losses stay float32."""
    if compute.precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(compute.device).type, dtype=getattr(torch, compute.precision))


def synchronize(device: torch.device | str) -> None:
    """Wait until the device has finished all submitted work."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


def provenance(device: str) -> dict[str, Any]:
    """The machine and its software: device_name, threads, cores, versions, system (see `ComputeChoice`)."""
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
    """The processor's name from /proc/cpuinfo, or what Python knows of it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
