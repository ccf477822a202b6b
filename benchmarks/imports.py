"""Seconds until a fresh interpreter has done something, beyond an empty one; the least of five."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.common import markdown

TRIES = 5
BENCH = "import resnet_edu.nets, resnet_edu.training, resnet_edu.data, resnet_edu.measure"
PARAMETERS = "torch.nn.Linear(2, 2).parameters()"
STATEMENTS = {
    "`import resnet_edu`": "import resnet_edu",
    "the desk: runs, charts, studies, jobs": (
        "import resnet_edu.runs, resnet_edu.charts, resnet_edu.studies, resnet_edu.jobs"
    ),
    "torch": "import torch",
    "torch and the bench: nets, training, data, measure": f"import torch; {BENCH}",
    "the same, and torch.optim.SGD made": f"import torch; {BENCH}; torch.optim.SGD({PARAMETERS}, 0.1)",
    "the same, and our SGD made": (
        f"import torch; {BENCH}; import resnet_edu.training.sgd as s; s.FusedSGD({PARAMETERS}, 0.9, 1e-4)"
    ),
}


def table() -> str:
    found = {name: _seconds(text) for name, text in STATEMENTS.items()}
    empty = _seconds("pass")
    rows = [[name, f"{seconds - empty:.2f}"] for name, seconds in found.items()]
    torch, bench = (found[name] for name in list(STATEMENTS)[2:4])
    return markdown(["what", "s"], [*rows, ["**the bench beyond torch**", f"**{bench - torch:.2f}**"]])


def _seconds(statement: str) -> float:
    return min(_once(statement) for _ in range(TRIES))


def _once(statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - started
