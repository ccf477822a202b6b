"""The app as a learner meets it: a server, real workers, and Chromium, which may reach localhost only."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from resnet_edu import jobs
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import Shelf

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
MAIN = Path(__file__).parents[2] / "app" / "main.py"
WAIT = 60_000  # ms; cores may be shared
CHART = ".js-plotly-plot .main-svg"
PLAN = "?view=here&train=8&seeds=1&width=2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    shelf = Shelf(tmp_path_factory.mktemp("served"))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(MAIN), "--server.port", str(port)]
    with (shelf.path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--server.headless", "true"],
            env=os.environ | {"RESNET_EDU_RUNS": str(shelf.path), "RESNET_EDU_IDLE": "5"},
            cwd=MAIN.parents[1],
            stdout=log,
            stderr=log,
        )
    url = f"http://localhost:{port}"
    try:
        wait_until(
            lambda: process.poll() is not None or answers(f"{url}/_stcore/health"), "the server answers"
        )
        yield SimpleNamespace(url=url, shelf=shelf, pid=process.pid)
    finally:
        process.terminate()
        process.wait(10)
        jobs.cancel_all(shelf.runs())  # their workers go home by themselves
        slots = ("0", "1", *queue.PROBE_SLOTS)
        wait_until(lambda: all(pool.slot_lock(shelf, slot).acquire() for slot in slots), "workers are gone")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:
            return reply.status == 200
    except OSError:
        return False


def wait_until(true: Callable[[], object], what: str, seconds: float = WAIT / 1000) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except TimeoutError:
            pass
        time.sleep(0.2)
    pytest.fail(f"after {seconds:.0f} s it does not hold that {what}")


@pytest.fixture(scope="module")
def chromium() -> Iterator:
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


@pytest.fixture
def visit(chromium, server) -> Iterator[Callable]:
    """`visit("?seed=1")` opens a page in a browser of its own. No request may leave this machine."""
    contexts, asked = [], []

    def open_page(path: str = ""):
        context = chromium.new_context(viewport={"width": 1366, "height": 768})
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


def parameters(page) -> dict[str, str]:
    return page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")


def runs_of(shelf: Shelf, steps: int) -> list:
    return [run for run in shelf.runs() if run.experiment.recipe.steps == steps]


def test_recorded_curves_and_heatmaps_are_visible(visit):
    page = visit("?study=minute")
    page.wait_for_selector(f".st-key-errors {CHART}")
    page.wait_for_selector(f".st-key-losses {CHART}")
    page.wait_for_selector(f".st-key-heatmaps {CHART}")
    page.wait_for_selector(".flow .nets svg")
    assert page.get_by_text("supported").first.is_visible()
    assert page.locator("[data-testid=stAlert]").count() == 0
    page.locator(".st-key-url-error button", has_text="test").click()
    page.wait_for_function("location.search.includes('error=test')")
    page.get_by_text("test error (%)").wait_for()


def test_a_bad_url_shows_what_is_wrong_and_the_charts(visit):
    page = visit("?study=minute&seed=9&colour=red")
    page.wait_for_selector(CHART)
    page.get_by_text("seed is '9'; allowed: 0, 1, 2").wait_for()
    page.get_by_text("'colour' is 'red', but not known").wait_for()


def test_a_small_study_is_trained_to_its_end(visit, server):
    page = visit(f"{PLAN}&lr=0.05")
    page.get_by_text("Settings", exact=True).click()
    field = page.get_by_role("textbox", name="steps")
    field.fill("60")
    field.press("Enter")
    page.wait_for_function("location.search.includes('steps=60')")
    page.get_by_role("button", name="Train it here").click()
    page.locator("[data-testid=stProgress]").wait_for()
    page.get_by_role("button", name="Train it again").wait_for()
    page.wait_for_selector(f".st-key-heatmaps {CHART}")
    page.get_by_text("not settled at this budget").first.wait_for()
    runs = runs_of(server.shelf, 60)
    assert [run.status().state for run in runs] == ["done", "done"]
    assert {run.experiment.recipe.lr for run in runs} == {0.05}
    assert all(run.compute.device for run in runs)  # a worker computed them, here


def test_reloading_neither_ends_nor_doubles_a_training_and_stop_stops_it(visit, server):
    steps = 999  # from 1,000 on, workers would first measure how to compute, and compile
    page = visit(f"?view=here&train=56&seeds=1&steps={steps}")
    page.get_by_role("button", name="Train it here").click()
    page.get_by_text(re.compile("about .* left")).wait_for()
    page.wait_for_selector(f".st-key-losses {CHART}")
    page.reload()
    page.get_by_role("button", name="Stop training").wait_for()
    other = visit(f"?{page.url.split('?')[1]}")
    other.get_by_role("button", name="Stop training").wait_for()
    page.context.close()
    (before,) = {run.status().step for run in runs_of(server.shelf, steps)[:1]}
    wait_until(lambda: runs_of(server.shelf, steps)[0].status().step > before, "it trains on")
    assert len(runs_of(server.shelf, steps)) == 2
    other.get_by_role("button", name="Stop training").click()
    other.get_by_role("button", name="Continue training").wait_for()
    for run in runs_of(server.shelf, steps):
        assert run.status().state == "stopped"
        numbers = run.steps()["step"].to_list()
        assert numbers == list(range(len(numbers)))  # one writer, and no gap


def test_the_twins_maps_of_a_test_image_appear(visit, server):
    page = visit("saliency?nets=minute&depth=8&methods=integrated_gradients")
    page.wait_for_selector(f"[class*=st-key-maps-] {CHART}")
    page.get_by_text("adds up to the whole difference").wait_for()
    page.locator(".st-key-url-image button").nth(5).click()
    page.wait_for_function("location.search.includes('image=5')")
    page.wait_for_selector(f"[class*=st-key-maps-] {CHART}")
    assert page.locator("[data-testid=stAlert]").count() == 0
    page.get_by_role("link", name="Does a deeper net train worse?").click()
    page.wait_for_selector(f".st-key-errors {CHART}")
    page.get_by_role("link", name="What does the net look at?").click()
    page.wait_for_function("location.search.includes('image=5')")  # as it was left


def click_box(page, chart: str, number: int) -> None:
    """Plotly lays a surface of its own over its boxes, and draws them anew when the page is."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    boxes = page.locator(f".st-key-{chart} .points path.point")
    seen: list[dict] = []
    wait_until(lambda: seen.append(boxes.nth(number).bounding_box()) or seen[-1], f"box {number} is drawn")
    box = seen[-1]
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_a_click_on_a_unit_shows_its_layers(visit):
    page = visit("inside?depth=20")
    page.get_by_text("The whole net").first.wait_for()
    click_box(page, "net-residual", 5)
    page.wait_for_function("location.search.includes('part=stages.1.1')")
    page.get_by_text("resnet-20: stage 2, unit 2").first.wait_for()
    page.locator(".st-key-part-residual").get_by_text("3×3 convolution, 32 → 32").first.wait_for()
    page.locator(".st-key-part-plain").get_by_text("32 × 16 × 16").first.wait_for()
    click_box(page, "net-plain", 8)
    page.wait_for_function("location.search.includes('part=stages.2.1')")
    page.get_by_text("plain-20: stage 3, unit 2").first.wait_for()
    assert page.locator("[data-testid=stAlert]").count() == 0


def test_units_are_deleted_frozen_and_swapped_by_clicks_and_both_nets_answer(visit):
    page = visit("lesions?nets=minute&depth=8")
    page.get_by_text("error on 1,000 training images").first.wait_for()
    click_box(page, "bench", 1)  # of the plain net, which is drawn first
    page.wait_for_function("location.search.includes('deleted=stages.1.0')")
    page.get_by_text("points", exact=False).first.wait_for()
    click_box(page, "bench", 1)
    page.wait_for_function("!location.search.includes('deleted')")
    page.get_by_role("radio", name="Freeze").click()
    page.get_by_text("the weights it began with").wait_for()
    click_box(page, "bench", 1)
    page.wait_for_function("location.search.includes('frozen=stages.1.0')")
    page.get_by_text("points", exact=False).first.wait_for()
    page.get_by_role("radio", name="Swap").click()
    page.get_by_text("Click two units").wait_for()
    click_box(page, "bench", 0)
    page.wait_for_function("location.search.includes('picked=stages.0.0')")
    click_box(page, "bench", 2)
    page.get_by_text("Units of different sizes cannot change places").wait_for()


def test_the_server_holds_no_torch(visit, server):
    visit().wait_for_selector(CHART)
    maps = Path(f"/proc/{server.pid}/maps")
    if not maps.exists():
        pytest.skip("this system has no /proc")
    assert "libtorch" not in maps.read_text()
