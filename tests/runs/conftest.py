"""A run written by hand, so that every number in it is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from resnet_edu.experiment import Experiment
from resnet_edu.runs import ComputeConfig, Run, RunWriter, Shelf

LAYERS = ("stem.conv", "head")


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def how() -> ComputeConfig:
    return ComputeConfig("cpu", threads=1, layers=LAYERS, commit="0123456789ab")


@pytest.fixture
def run(shelf: Shelf, tiny: Callable[..., Experiment]) -> Run:
    return shelf.get_or_create(tiny(steps=10))


@pytest.fixture
def write(run: Run) -> Callable[..., None]:
    """`write(writer, 3, 6)` writes what steps 3, 4, 5 bring: evaluated and kept after every third."""

    def write_steps(writer: RunWriter, first: int, end: int) -> None:
        numbers = range(first, end)
        steps = [{"step": i, "loss": 2.5 - i / 7, "lr": 0.1, "seconds": i / 4} for i in numbers]
        norms = np.array([[i, *(10 * i + k / 3 for k in range(6))] for i in numbers], np.float32)
        due = [i + 1 for i in numbers if i % 3 == 2]
        writer.append_norms(norms)
        writer.append(steps, [evaluation(i) for i in due], [blocks(i) for i in due])
        for i in due:
            weights = {"weight": np.full((2, 2), i / 3, np.float32), "seen": np.array(i)}
            writer.keep_weights(i, weights | {"running_var": np.full(2, 1e5, np.float32)})
        writer.status("running", end, end / 4)

    return write_steps


def evaluation(step: int) -> dict[str, Any]:
    errors = {"train_error": 90.0 - step, "train_error_batch": 90.1 - step, "test_error": 91.0 - step}
    return {"step": step, "images": 64, **errors, "train_loss": 1 / (step + 1), "test_loss": 2.0}


def blocks(step: int) -> dict[str, Any]:
    return {"step": step, "names": ["stages.0.0"], "gradient": [step / 9], "correlation": [0.5]}


@pytest.fixture
def finished(run: Run, how: ComputeConfig, write: Callable[..., None]) -> Run:
    with RunWriter(run) as writer:
        writer.begin(how)
        write(writer, 0, 10)
        writer.finish(2.5)
    return run
