"""Time of a step and peak memory of a training against depth: residual CIFAR nets of 8 to 1,202 layers, a
process each. On a CPU: width 8, digits of 8×8 pixels, batch 64, one thread, memory as the process' peak
beyond what it held before the net; on a GPU: width 16, 32×32 pixels, batch 128, captured, memory as
allocated there.
"""

from __future__ import annotations

import resource
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.common import (
    CUDA,
    cifar,
    digits,
    in_processes,
    markdown,
    plain_compute,
    seconds_a_step,
    trainer,
)
from resnet_edu import data

DEPTHS = (8, 20, 56, 110, 302, 602, 1202)
FIGURE = Path(__file__).parent / "depth.svg"


def table() -> str:
    found = [in_processes(measured, [(depth,)])[0] for depth in DEPTHS]
    seconds, memory = [[each[i] for each in found] for i in (0, 1)]
    rows = [
        [depth, f"{1000 * s:.1f}", f"{m / 2**20:.0f}"]
        for depth, s, m in zip(DEPTHS, seconds, memory, strict=True)
    ]
    draw(seconds, memory)
    return "\n\n".join(
        [
            markdown(["layers", "ms a step", "peak memory, MiB"], rows),
            fitted("Time", [1000 * s for s in seconds], "ms"),
            fitted("Memory", [m / 2**20 for m in memory], "MiB"),
            f"![Time and memory against depth]({FIGURE.name})",
        ]
    )


def measured(barrier, depth: int) -> tuple[float, float]:
    """Seconds a step, and peak bytes; to be asked in a process of its own."""
    name = f"resnet-{depth}"
    experiment = cifar(name) if CUDA else digits(name)
    half = {"precision": "bfloat16", "memory_format": "channels_last"}
    compute = plain_compute("cuda", **half) if CUDA else plain_compute()
    images = data.load(experiment.data, device=compute.device)
    before = _peak()
    made = trainer(experiment, compute, images)
    seconds = seconds_a_step(made.engine, 20 if CUDA else max(1, 200 // depth))
    return seconds, _peak() - before


def _peak() -> float:
    if CUDA:
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would begin at that of the process that started this one
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def fitted(what: str, values: Sequence[float], unit: str) -> str:
    slope, intercept, share = line(DEPTHS, values)
    text = f"{what}: {slope:.3g} {unit} a layer and {intercept:.3g} {unit} besides"
    return f"{text} (least squares; the straight line explains {share:.2%} of the variance)."


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Slope, intercept and R² of the least-squares line."""
    slope, intercept = statistics.linear_regression(x, y)
    return slope, intercept, statistics.correlation(x, y) ** 2


def draw(seconds: Sequence[float], memory: Sequence[float]) -> None:
    """Both against depth with their lines, into `FIGURE`."""
    from plotly.subplots import make_subplots

    figure = make_subplots(cols=2, subplot_titles=("ms a step", "peak memory, MiB"))
    for column, values in enumerate(([1000 * s for s in seconds], [m / 2**20 for m in memory]), 1):
        slope, intercept, _ = line(DEPTHS, values)
        ends = [0, DEPTHS[-1]]
        straight = [intercept + slope * end for end in ends]
        figure.add_scatter(x=ends, y=straight, mode="lines", line_color="#999999", row=1, col=column)
        figure.add_scatter(
            x=list(DEPTHS), y=list(values), mode="markers", marker_color="#0072B2", row=1, col=column
        )
    figure.update_xaxes(title_text="layers")
    figure.update_layout(template="plotly_white", showlegend=False, width=900, height=340)
    figure.write_image(FIGURE)
