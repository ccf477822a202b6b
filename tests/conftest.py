"""Every test has a shelf of its own, one thread, workers that soon go home, and leaves none behind."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from resnet_edu.experiment import Cifar, Digits, Experiment, NoShortcut, PadShortcut, Recipe

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported
settings.register_profile("here", deadline=None, max_examples=50)  # cores may be shared
settings.register_profile("again", settings.get_profile("here"), derandomize=True)  # the same draws each time
settings.load_profile("again" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RESNET_EDU_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("RESNET_EDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RESNET_EDU_IDLE", "2")
    monkeypatch.delenv("RESNET_EDU_WORKERS", raising=False)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    yield
    if pool := sys.modules.get("resnet_edu.jobs.pool"):
        for process in pool._started.values():
            process.kill()
            process.wait()
        pool._started.clear()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser at a time: Playwright cannot be started twice in a process, and keeps asyncio to itself."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        assert os.environ.get("RESNET_EDU_REQUIRE_BROWSER") != "1", "no Chromium found, and one is required"
        pytest.skip("no Chromium found")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Experiment]:
    """An experiment that trains in a blink: `tiny(steps=6, plain=True, lr=1.0)`."""

    def experiment(
        *, depth: int = 8, width: int = 2, plain: bool = False, train: int = 64, seed: int = 0, **recipe: Any
    ) -> Experiment:
        net = Cifar(depth=depth, width=width, shortcut=NoShortcut() if plain else PadShortcut())
        return Experiment(net, Digits(train=train), Recipe(**{"steps": 6, "batch": 16} | recipe), seed)

    return experiment
