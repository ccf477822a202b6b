"""Whether speed costs accuracy: the same nets trained in float32 and in bfloat16 (autocast, float32 weights),
at the budget `lesson` (1,500 digits, 1,000 steps of 128), seeds 0, 1, 2; errors in % at the end, mean ± sd.
"""

from __future__ import annotations

import os
import statistics
from typing import Any

from benchmarks.common import in_processes, markdown, plain_compute
from resnet_edu import data, training
from resnet_edu.experiment.budgets import at

NETS = ("plain-20", "resnet-20")
SEEDS = (0, 1, 2)
WAYS = {
    "float32": {},
    "bfloat16": {"precision": "bfloat16", "memory_format": "channels_last"},
}
ERRORS = ("train_error", "test_error", "train_loss")


def table() -> str:
    arms = [(net, seed, way) for net in NETS for way in WAYS for seed in SEEDS]
    cores = os.cpu_count() or 1
    ended: list[dict[str, Any]] = []
    for i in range(0, len(arms), cores):
        ended += in_processes(train, arms[i : i + cores])
    rows = []
    for net in NETS:
        for way in WAYS:
            found = [end for end in ended if (end["net"], end["way"]) == (net, way)]
            rows.append([net, way, *(_spread([end[error] for end in found]) for error in ERRORS)])
    return markdown(["net", "precision", "training error %", "test error %", "training loss"], rows)


def train(barrier, net: str, seed: int, way: str) -> dict[str, Any]:
    experiment = at("lesson", net, seed)
    compute = plain_compute(**WAYS[way])
    training.configure_torch(compute)
    evals: list[dict[str, Any]] = []
    for block in training.train(experiment, data.load(experiment.data), compute):
        evals += [row.to_dict() for row in block.evals]
    return {"net": net, "way": way, **{error: evals[-1][error] for error in ERRORS}}


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.3g} ± {statistics.stdev(values):.2g}"
