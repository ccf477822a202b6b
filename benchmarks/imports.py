"""Seconds until a fresh interpreter has imported a room, beyond an empty one; the least of five."""

from __future__ import annotations

import subprocess
import sys
import time

TITLE = "Import times"
TRIES = 5
STATEMENTS = {
    "the desk": "import resnet_edu.runs, resnet_edu.charts, resnet_edu.studies, resnet_edu.jobs",
    "torch": "import torch",
    "the bench (torch, nets, training)": "import torch, resnet_edu.nets, resnet_edu.training",
}


def table() -> str:
    empty = _seconds("pass")
    rows = ["| what | s |", "|---|---|"]
    return "\n".join(
        rows + [f"| {name} | {_seconds(text) - empty:.2f} |" for name, text in STATEMENTS.items()]
    )


def _seconds(statement: str) -> float:
    return min(_once(statement) for _ in range(TRIES))


def _once(statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(table())
