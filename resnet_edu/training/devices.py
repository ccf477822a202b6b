"""Where a training is computed, and setting a process up for it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import resnet_edu
from resnet_edu.experiment.spec import SpecError

PRECISIONS = ("float32", "bfloat16")
FORMATS = ("contiguous_format", "channels_last")


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
    device = torch.device(how["device"])
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # all steps have the same shapes
        torch.cuda.set_device(device.index or 0)


def autocast(how: Mapping[str, Any]) -> contextlib.AbstractContextManager:
    """bfloat16 where the run uses it; weights, norms and losses stay float32."""
    if how["precision"] == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(how["device"]).type, dtype=getattr(torch, how["precision"]))


def synchronize(device: torch.device | str) -> None:
    """Wait until the device has done all that it was asked for."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


def provenance(device: str) -> dict[str, Any]:
    """The machine, and what runs on it."""
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
