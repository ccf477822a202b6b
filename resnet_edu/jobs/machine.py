"""How many trainings this machine computes at once: one a core, or some on each GPU. No torch here.

On a GPU a narrow net at batch 128 fills neither arithmetic nor bandwidth, so one training alone wastes much
of it. Kernels of two processes run at the same time only under NVIDIA's multi-process service (MPS; a user
starts it by `nvidia-cuda-mps-control -d`). Without it they take turns, and a second process helps only
while the first loads, captures, evaluates or writes.
"""

from __future__ import annotations

import functools
import math
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from resnet_edu import host
from resnet_edu.anatomy import parts
from resnet_edu.experiment import Experiment

TAKING_TURNS, TOGETHER = 2, 4
CONTEXT_BYTES = 2e9
"""What a process takes on a GPU before its net: context, kernels, data set."""
SIDES = {"digits": 8, "cifar10": 32, "fashion-mnist": 28}


@functools.cache
def gpus() -> tuple[float, ...]:
    """The memory of each CUDA device that PyTorch will find, in bytes."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not shutil.which("nvidia-smi") or visible in ("", "-1") or not _torch_has_cuda():
        return ()
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = [float(line) * 2**20 for line in output.splitlines() if line.strip().isdecimal()]
    return tuple(found[: len(visible.split(","))] if visible else found)


def per_gpu(memory: float, experiments: Iterable[Experiment] = ()) -> int:
    """How many of these trainings share a GPU of so many bytes."""
    most = TOGETHER if _shared_by_mps() else TAKING_TURNS
    need = max((needed(experiment) for experiment in experiments), default=CONTEXT_BYTES)
    return max(1, int(min(most, memory / need)))


def at_once(experiments: Iterable[Experiment] = ()) -> int:
    """How many trainings to have at a time."""
    experiments = list(experiments)
    return sum(per_gpu(memory, experiments) for memory in gpus()) or host.cores()


def needed(experiment: Experiment) -> float:
    """Bytes on a GPU, generously: every layer's output and its gradient in half precision."""
    rows = (row for part in parts(experiment.net, side=side_of(experiment)) for row in part.rows)
    numbers = sum(math.prod(row.shape) for row in rows)
    return CONTEXT_BYTES + 4 * experiment.recipe.batch * numbers


def side_of(experiment: Experiment) -> int:
    """Height and width of its images, in pixels."""
    return getattr(experiment.data, "side", 0) or SIDES.get(experiment.data.kind, 32)


def _shared_by_mps() -> bool:
    return Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"), "control").exists()


def _torch_has_cuda() -> bool:
    """Read from PyTorch's files: importing it takes seconds."""
    package = find_spec("torch")
    version = Path(package.origin).parent / "version.py" if package and package.origin else None
    text = version.read_text("utf-8") if version and version.is_file() else ""
    return re.search(r"^cuda\b[^=]*=\s*['\"]", text, re.MULTILINE) is not None
