"""What `training.choose` measures before a long run, in milliseconds a step of a shallow net of the family
and width, and what it makes of it for the paper's 64,000 steps.
"""

from __future__ import annotations

import os

from benchmarks.common import KNOWN, markdown
from resnet_edu import training
from resnet_edu.experiment import Cifar, Dense, Digits, Experiment, Recipe, name_of
from resnet_edu.training.choosing import shallow

CASES = {
    "CIFAR nets of width 16, 32×32, batch 128": (Cifar(20), {"channels": 3, "side": 32}),
    "CIFAR nets of width 8, digits, batch 128": (Cifar(20, width=8), {"channels": 1, "side": 8}),
    "dense nets of width 64, digits, batch 128": (Dense(20), {"channels": 1, "side": 8}),
}


def table() -> str:
    rows, names = [], []
    for case, (net, shape) in CASES.items():
        experiment = Experiment(net, Digits(side=shape["side"]), Recipe())
        threads = (1, os.cpu_count() or 1)
        compute = training.choose(experiment, **shape, classes=10, threads=threads, known=KNOWN)
        timed = compute.measured_ms_per_step
        names = list(timed) if len(timed) > len(names) else names
        made = f"{compute.precision} {compute.memory_format}, threads: {compute.threads}"
        made += ", compiled" if compute.compiled else f" ({compute.compiled_because})"
        rows.append((f"{case} ({name_of(shallow(net))})", timed, made))
    cells = [[case, *(timed.get(name, "") for name in names), made] for case, timed, made in rows]
    return markdown(["nets", *names, "chosen"], cells)
