"""A lesson in a real JupyterLab, in a browser that can reach nothing but this machine's own server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
LESSON = "03_gradient_flow.ipynb"
SECONDS = 90  # for each condition; the machine may be busy

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """The address of JupyterLab on a copy of the lessons."""
    pytest.importorskip("jupyterlab")
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1", "--IdentityProvider.token=",
        f"--LabApp.app_settings_dir={NOTEBOOKS / '.lab'}", f"--ServerApp.root_dir={tmp_path / 'notebooks'}",
    ]  # fmt: skip
    places = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "RUNTIME")}
    log = tmp_path / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=os.environ | places | {"PYTHONPATH": str(ROOT)}, stdout=out, stderr=out,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _until_it_answers(f"{address}/api", server, log)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _until_it_answers(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture
def page(chromium, lab: str) -> Iterator:
    outside: list[str] = []
    context = chromium.new_context(viewport={"width": 1300, "height": 1000})

    def own_server_only(route) -> None:
        if route.request.url.startswith(lab):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", own_server_only)
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.goto(f"{lab}/lab/tree/{LESSON}?reset")
    yield page
    context.close()
    assert outside == []


def test_a_curve_is_drawn_and_the_measurement_is_laid_over_it(page) -> None:
    page.get_by_role("heading", name="Where does the gradient go?").wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    run_up_to(page, "guess_norms.compare")
    axes = page.locator("svg[role=application]")
    axes.wait_for()
    assert page.get_by_text("the gradient of plain-56 becomes").count() == 0  # the recorded answer is folded

    axes.scroll_into_view_if_needed()
    box = axes.bounding_box()
    page.mouse.move(box["x"] + 75, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + 200, steps=30)
    page.mouse.up()
    page.get_by_text("guess_norms.compare").first.click()
    run_cell(page)
    page.get_by_text("you are off by a factor of").wait_for()
    page.get_by_text("the gradient of plain-56 becomes").wait_for()
    page.get_by_text("plain-56: your guess").first.wait_for()
    page.get_by_label("Why? One sentence").wait_for()
    assert page.locator(".js-plotly-plot").count() >= 1


def run_up_to(page, words: str) -> None:
    """Run cells, one after the other, until the next one has these words."""
    chosen = page.locator(".jp-Notebook .jp-Cell.jp-mod-active")
    for _ in range(40):
        if words in chosen.inner_text():
            return
        run_cell(page)
    raise AssertionError(f"no cell has {words}")


def run_cell(page) -> None:
    page.keyboard.press("Shift+Enter")
    running = (
        "[...document.querySelectorAll('.jp-InputArea-prompt')].some((p) => p.textContent.includes('*'))"
    )
    page.wait_for_function(f"() => !{running}")
