"""The app in a simulated browser: `opened("degradation", seed=1)` runs a page with that URL. And the app as a
learner meets it: a server, real workers, and Chromium, which may reach localhost only, by `visit`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from served import WAIT, responds, wait_until
from streamlit.testing.v1 import AppTest

from resnet_edu import jobs, studies
from resnet_edu.experiment import Experiment
from resnet_edu.jobs import pool, queue
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
def picture() -> Callable[[AppTest], dict[str, Any]]:
    """What a page gave to the gradient-flow picture: its data, and the view that the address names."""

    def given(at: AppTest) -> dict[str, Any]:
        assert not at.exception
        (found,) = at.get("bidi_component")
        return json.loads(found.proto.json)

    return given


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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    shelf = Shelf(tmp_path_factory.mktemp("served"))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(MAIN), "--server.port", str(port)]
    with (shelf.path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--server.headless", "true"],
            env=os.environ | {"RESNET_EDU_RUNS": str(shelf.path), "RESNET_EDU_IDLE": "2"},
            cwd=MAIN.parents[1],
            stdout=log,
            stderr=log,
        )
    url = f"http://localhost:{port}"
    try:
        wait_until(
            lambda: process.poll() is not None or responds(f"{url}/_stcore/health"), "the server answers"
        )
        yield SimpleNamespace(url=url, shelf=shelf, pid=process.pid)
    finally:
        process.terminate()
        process.wait(10)
        jobs.cancel_all(shelf.runs())  # their workers go home by themselves
        slots = ("0", "1", *queue.PROBE_SLOTS)
        wait_until(lambda: all(pool.slot_lock(shelf, slot).acquire() for slot in slots), "workers are gone")


@pytest.fixture
def visit(chromium: Any, server: SimpleNamespace) -> Iterator[Callable[..., Any]]:
    """`visit("?seed=1", width=390)` opens a page in its own browser. No request may leave this machine."""
    contexts, asked = [], []

    def open_page(path: str = "", width: int = 1366, height: int = 768, **settings: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.goto(f"{server.url}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    outside = {url for url in asked if urlsplit(url).hostname not in ("localhost", None)}
    assert not outside
