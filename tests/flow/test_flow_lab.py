"""The widget in a real notebook, in JupyterLab, as a learner opens it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from flow_pages import WAIT
from waiting import until

pytest.importorskip("anywidget")
pytest.importorskip("jupyterlab")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
SETTINGS = Path(__file__).parents[2] / "notebooks" / ".lab"
CELLS = (
    "from resnet_edu import flow\n"
    "from resnet_edu.flow.widget import widget\n"
    "data = flow.flow_data(*flow.find_twins('resnet-8-digits-s0'))\n"
    "shown = widget(data, 'q=activation&step=15')\n"
    "shown",
    "shown.state",
    "shown.state = 'q=ratio&step=60'",
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """The address of a server that has one notebook, and settings of its own."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    (tmp_path / "work").mkdir()
    nbformat.write(notebook, tmp_path / "work" / "flow.ipynb")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", "--no-browser", "--allow-root", "--ServerApp.token="]
    options += [f"--ServerApp.root_dir={tmp_path / 'work'}", f"--LabApp.app_settings_dir={SETTINGS}"]
    own = {name: str(tmp_path / "own") for name in ("HOME", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    with (tmp_path / "lab.log").open("wb") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        process = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or listens(port))
        assert process.poll() is None, (tmp_path / "lab.log").read_text("utf-8")
        yield f"http://localhost:{port}"
    finally:
        process.terminate()  # and its kernel with it
        process.wait(30)


def listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("localhost", port)) == 0


def test_the_widget_is_seen_in_a_notebook_and_its_state_goes_both_ways(chromium, lab):
    asked: list[str] = []
    context = chromium.new_context(viewport={"width": 1366, "height": 900})
    page = context.new_page()
    page.set_default_timeout(3 * WAIT)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{lab}/lab/tree/flow.ipynb")

    def run(cell: int) -> None:
        page.locator(".jp-Notebook .jp-Cell .cm-content").nth(cell).click()
        page.keyboard.press("Shift+Enter")

    run(0)
    page.wait_for_selector(".flow .unit[data-values]", state="attached")
    assert page.locator(".flow .clock .now").inner_text() == "step 15 of 240"
    box = page.locator(".flow").bounding_box()
    assert box["width"] > 700
    assert box["height"] > 400
    page.locator(".flow .radios.q button", has_text="correlation").click()
    page.locator(".flow .scrub").press("End")  # the picture hears the key, and not the notebook
    assert page.locator(".flow .clock .now").inner_text() == "step 240 of 240"
    told = page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".jp-OutputArea-output")

    def heard() -> bool:
        run(1)
        told.wait_for()
        return told.inner_text().strip() == "'q=correlation&step=240'"

    until(heard)
    run(2)
    page.locator(".flow .clock .now", has_text="step 60 of 240").wait_for()
    assert page.get_by_role("radio", name="update : weight").get_attribute("aria-checked") == "true"
    context.close()
    outside = {url for url in asked if urlsplit(url).hostname not in ("localhost", None)}
    assert not outside
