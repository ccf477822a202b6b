"""The app in a simulated browser: `opened("degradation", seed=1)` runs a page with that URL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from resnet_edu import studies
from resnet_edu.experiment import Experiment
from resnet_edu.jobs import pool
from resnet_edu.runs import ComputeConfig, Run, RunWriter, Shelf, answers, recorded
from resnet_edu.runs.answers import answered

MAIN = Path(__file__).parents[2] / "app" / "main.py"
STEPS = 12
ASKED = {
    "degradation": {"study": "minute"},
    "lesions": {"nets": "minute"},
    "saliency": {"nets": "minute", "depth": 56},
}
"""The runs that tests of these pages know, whatever the pages open on."""


@pytest.fixture(autouse=True)
def fresh_shelf() -> Iterator[None]:
    yield
    if twins := sys.modules.get("twins"):
        twins.families.clear()  # of this test's shelf
    if direct_client := sys.modules.get("direct_client"):
        direct_client.memory.clear()


@pytest.fixture
def opened() -> Callable[..., AppTest]:
    def open_page(page: str, **query: object) -> AppTest:
        at = AppTest.from_file(str(MAIN), default_timeout=60)
        if page != "degradation":
            at.switch_page(f"questions/{page}.py")
        query = ASKED.get(page, {}) | query
        for name, value in query.items():
            at.query_params[name] = str(value)
        return at.run()

    return open_page


@pytest.fixture
def no_openings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the recorded answers only planes and lines are found; the others are not written over, either."""

    def found(folder: Path) -> bool:
        return (recorded().path not in folder.parents or folder.name.startswith("loss_")) and answered(folder)

    monkeypatch.setattr(answers, "answered", found)


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch, no_openings: None) -> None:
    """What is submitted stays in the queue, and nobody answers."""
    monkeypatch.setattr(pool, "start", lambda shelf, slot: None)


@pytest.fixture
def arms() -> list[Experiment]:
    """What `train=8,20&seeds=1&steps=12` says."""
    minute = studies.get("degradation").arms("minute", seeds=(0,), depths=(8, 20))
    return [Experiment.from_query(arm.to_query() | {"steps": str(STEPS)}) for arm in minute]


@pytest.fixture
def trained(arms: list[Experiment]) -> Callable[..., list[Run]]:
    """`trained()` writes the arms' runs by hand; `trained(again=True)` further attempts."""

    def write(again: bool = False) -> list[Run]:
        runs = [Shelf().get_or_create(arm, again=again) for arm in arms]
        for run in runs:
            finish(run)
        return runs

    return write


def finish(run: Run) -> None:
    layers = ("stem.conv", "head")
    errors = {"train_error": 50.0, "train_error_batch": 50.0, "test_error": 55.0}
    with RunWriter(run) as writer:
        writer.begin(ComputeConfig("cpu", "float32", device_name="a test", layers=layers))
        writer.append_norms(np.array([[i, *range(1, 7)] for i in range(STEPS)], np.float32))
        rows = [{"step": i, "loss": 2.5 - i / 7, "lr": 0.1, "seconds": i / 4} for i in range(STEPS)]
        writer.append(
            rows, [{"step": STEPS, "images": 64, **errors, "train_loss": 1.0, "test_loss": 2.0}], []
        )
        writer.keep_weights(STEPS, {"weight": np.zeros(2, np.float32)})
        writer.finish(3.0)
