"""Where does the gradient go, in Chromium: by keyboard, by finger, without a word to the server."""

from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import WAIT, parameters, wait_until

from resnet_edu.experiment import Experiment
from resnet_edu.runs import ComputeConfig, RunWriter

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
AXE = (Path(__file__).parents[1] / "flow" / "vendor" / "axe.min.js").read_text("utf-8")
PAGE = "gradients?nets=minute"
FOCUSED = """() => { let e = document.activeElement;
    while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
    return e === document.body ? null : (e.getAttribute('aria-label') ?? e.textContent).trim(); }"""
PARTS = (".controls", ".nets", ".profile-box", ".side")
LAYERS = ("stem.conv", *(f"stages.{i}.0.branch.conv{k}" for i in range(3) for k in (1, 2)), "head")


@pytest.fixture
def shown(visit):
    """`shown("&depth=8", width=390)`: the page with its picture, once both have come to rest."""

    def open_page(query: str = "", address: str = PAGE, **settings: Any) -> Any:
        page = visit(f"{address}{query}", reduced_motion="reduce", **settings)
        page.wait_for_selector(".flow .unit[data-values]", state="attached")
        rested(page)
        return page

    return open_page


def rested(page: Any) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def now(page: Any) -> str:
    return page.locator(".flow .clock .now").inner_text()


def step_of(page: Any) -> int:
    return int(now(page).split()[1])


def has(page: Any, **values: str) -> None:
    """Waits until the address has these parameters; None: until it has none of this name."""
    wait_until(lambda: {name: parameters(page).get(name) for name in values} == values, f"it has {values}")


def tabbed(page: Any, most: int = 60) -> list[str]:
    """What Tab reaches, from the page's first element to its last."""
    page.evaluate("document.activeElement.blur()")
    names = []
    for _ in range(most):
        page.keyboard.press("Tab")
        name = page.evaluate(FOCUSED)
        if name is None:
            break
        names.append(name.split(",")[0])
    return names


def test_every_control_is_used_by_keyboard_alone_and_the_address_opens_the_view_again(shown):
    page = shown("&depth=8", width=1024, height=576)
    names = tabbed(page)
    wanted = [
        *("trained nets", "depth", "seed", "Trained twins", "Before the first step", "While it fails"),
        *("Same length", "What to look for", "Training", "weight gradient"),
        *("÷ last layer", "formula", "plain-8", "What is read"),
        *("First", "Step back", "Play", "Step forward", "Last", "step", "Speed", "Loop"),
    ]
    found = [next((i for i, name in enumerate(names) if name.startswith(each)), None) for each in wanted]
    assert None not in found, f"{wanted[found.index(None)]} is not in {names}"
    assert found == sorted(found)
    for key, step in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 240), ("Home", 0)):
        page.get_by_role("slider", name="step").press(key)
        assert now(page) == f"step {step} of 240"
    page.get_by_role("slider", name="step").press("Space")
    wait_until(lambda: step_of(page) > 3, "it plays")
    page.keyboard.press("Space")
    page.keyboard.press("End")
    page.locator(".flow .radios.q [aria-checked=true]").press("ArrowRight")
    page.get_by_role("button", name="÷ last layer").press("Enter")
    page.get_by_role("button", name="Loop").press("Space")
    page.get_by_label("Speed").press("ArrowDown")
    page.locator("svg.net.plain .unit").first.press("ArrowRight")
    assert page.evaluate(FOCUSED).startswith("plain-8, unit 1, stages.0.0")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(FOCUSED).startswith("resnet-8, unit 1, stages.0.0")
    page.keyboard.press("Enter")
    view = {
        "q": "activation",
        "scale": "last",
        "step": "240",
        "pins": "stages.0.0",
        "speed": "2",
        "loop": "1",
    }
    has(page, **view)
    rested(page)
    drawn = page.locator(".flow .profile path.line").first.get_attribute("d")
    page.reload()
    page.wait_for_selector(".flow .traces")
    assert now(page) == "step 240 of 240"
    assert page.locator(".flow .profile path.line").first.get_attribute("d") == drawn
    assert {name: parameters(page).get(name) for name in view} == view
    page.get_by_role("button", name="Same length").press("Enter")
    has(page, q="correlation", step="0", pins=None, scale=None)
    page.get_by_role("radio", name="gradient correlation", checked=True).wait_for()


def test_while_it_plays_no_message_goes_to_the_server(visit):
    sent: list[Any] = []
    page = visit("")
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(f"{page.url.split('?')[0]}{PAGE}&speed=2&loop=1")
    page.wait_for_selector(".flow .unit[data-values]", state="attached")
    rested(page)
    page.get_by_role("button", name="Play").click()
    wait_until(lambda: step_of(page) > 0, "it plays")
    before = len(sent)
    assert before, "no frame was counted at all"
    wait_until(lambda: step_of(page) > 150, "it has played for long")
    assert len(sent) == before
    page.get_by_role("button", name="Pause").click()
    wait_until(lambda: step_of(page) and len(sent) > before, "the server hears where it rests")
    wait_until(lambda: parameters(page).get("step") == str(step_of(page)), "the address says it")


def test_on_a_phone_it_stacks_a_swipe_scrolls_and_one_tap_pins(shown):
    page = shown("&depth=8&step=60", width=390, height=844, has_touch=True)
    wide = "() => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
    assert page.evaluate(f"({wide})().every((e) => e.scrollWidth <= 390)")
    boxes = [page.locator(f".flow {part}").bounding_box() for part in (".nets", ".profile-box", ".side")]
    assert all(a["y"] + a["height"] <= b["y"] + 1 for a, b in itertools.pairwise(boxes))
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    unit = page.locator("svg.net.residual [data-block='stages.1.0']")
    unit.scroll_into_view_if_needed()
    unit.tap()
    has(page, pins="stages.1.0")
    rested(page)
    top = "document.querySelector('[data-testid=stMain]').scrollTop"
    before = page.evaluate(top)
    box = page.locator("svg.net.plain").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for moved in range(10, 150, 20):
        points = [{"x": x, "y": y - moved}]
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_until(lambda: page.evaluate(top) > before + 50, "the page has scrolled")
    assert parameters(page)["pins"] == "stages.1.0"
    assert now(page) == "step 60 of 240"


def test_three_starts_and_both_other_views_are_whole_on_a_projector(shown):
    page = shown(width=1024, height=576)
    starts = {
        "Before the first step": {"q": None, "step": None},
        "While it fails": {"step": "23"},
        "Same length, other direction": {"q": "correlation", "step": "0"},
    }
    for name, view in starts.items():
        page.get_by_role("button", name=name).click()
        step = int(view["step"] or 0)
        wait_until(lambda step=step: now(page) == f"step {step} of 240", f"{name} is shown")
        whole(page, *PARTS, ".transport")
    for view in ("One update", "Skip dial"):
        page.get_by_role("radio", name=view).click()
        whole(page, *PARTS, ".transport")
    page.get_by_role("radio", name="Any net at its start").click()
    page.get_by_role("combobox", name="norm of net b").wait_for()
    page.locator(".flow.still").wait_for(timeout=2 * WAIT)  # a process has to start first
    rested(page)
    whole(page, *PARTS)
    assert page.locator(".flow .transport").is_hidden()


def whole(page: Any, *parts: str) -> None:
    """Each part is inside the window, and none is tiny."""

    def fits() -> bool:
        boxes = {part: page.locator(f".flow {part}").bounding_box() for part in parts}
        inside = (box["x"] >= 0 and box["x"] + box["width"] <= 1024 for box in boxes.values())
        high = (box["y"] >= 0 and box["y"] + box["height"] <= 576 for box in boxes.values())
        return all(inside) and all(high) and all(box["height"] >= 30 for box in boxes.values())

    wait_until(fits, f"{parts} are inside the window")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(shown, scheme):
    page = shown("&depth=8&pins=stages.0.0&formula=1", color_scheme=scheme)
    page.evaluate(AXE)
    for view in ("Training", "One update", "Skip dial"):
        page.get_by_role("radio", name=view).click()
        result = page.evaluate("axe.run('.stMain', { resultTypes: ['violations'] })")
        serious = [each for each in result["violations"] if each["impact"] in ("serious", "critical")]
        said = [(each["id"], each["nodes"][0]["html"][:150]) for each in serious]
        assert not said, (view, said)


def test_a_worker_turns_one_unit_alone(shown):
    page = shown("&depth=8&view=dial&alpha=0.25&q=activation")
    page.locator("svg.net.residual [data-block='stages.1.0']").click()
    page.get_by_role("button", name="only stages.1.0").click()
    has(page, unit="stages.1.0", alpha="0.25")
    page.get_by_text("The shortcut of stages.1.0 alone counts α = 0.25").first.wait_for()
    unit = page.locator("svg.net.residual [data-block='stages.0.0']")
    quarter = json.loads(unit.get_attribute("data-values"))
    wait_until(lambda: page.locator(".flow .ghost").count() == 7, "the whole dial has come")
    page.get_by_role("slider", name="α").press("ArrowRight")
    has(page, alpha="0.5")
    page.get_by_role("slider", name="α").press("End")
    page.get_by_text("The shortcut of stages.1.0 alone counts α = 1").first.wait_for()
    assert json.loads(unit.get_attribute("data-values")) != quarter
    assert page.locator("[data-testid=stAlert]").count() == 0


def test_a_training_grows_in_the_same_picture_on_axes_of_the_whole_plan(shown, server):
    queries = [{"net": net, "width": "2", "steps": "300"} for net in ("plain-8", "resnet-8")]
    arms = [Experiment.from_query(query) for query in queries]
    with contextlib.ExitStack() as held:
        writers = [held.enter_context(RunWriter(server.shelf.get_or_create(arm))) for arm in arms]
        for writer in writers:
            writer.begin(ComputeConfig("cpu", "float32", layers=LAYERS))
            train(writer, range(20))
        page = shown(address=f"gradients?nets=here-{arms[1].key[:8]}")
        wait_until(lambda: page.reload() and drawn_of(page, 300), "the page knows these nets")
        page.locator(".flow").evaluate("(e) => (e.mark = 'the same')")
        axes = page.locator(".flow :is(.losses, .profile) .axis")
        planned = axes.all_text_contents()
        long = "(e) => e.getAttribute('d').length"
        loss = page.locator(".flow .losses path.line").first
        before = loss.evaluate(long)
        page.get_by_role("slider", name="step").press("ArrowRight")
        for writer in writers:
            train(writer, range(20, 200))
        wait_until(lambda: loss.evaluate(long) > 2 * before, "the new steps are drawn")
        assert page.locator(".flow").evaluate("(e) => e.mark") == "the same"
        assert now(page) == "step 1 of 300"
        assert axes.all_text_contents() == planned
        for writer in writers:
            train(writer, range(200, 300))
            writer.finish(3.0)
        page.get_by_role("slider", name="step").press("End")
        page.get_by_role("button", name="Compute one update in slow motion").wait_for()  # it has ended
        assert "running" not in page.locator("svg.net.plain .figures").text_content()
        assert page.locator(".flow").evaluate("(e) => e.mark") == "the same"


def drawn_of(page: Any, steps: int) -> bool:
    page.wait_for_selector(".flow .unit[data-values]", state="attached")
    rested(page)
    return now(page).endswith(f"of {steps}")


def train(writer: RunWriter, steps: range) -> None:
    """These steps' rows, as a worker writes them."""
    errors = {"train_error": 50.0, "train_error_batch": 50.0, "test_error": 55.0}
    units = [f"stages.{i}.0" for i in range(3)]
    writer.append_norms(np.array([[i, *([0.5] * 3 * len(LAYERS))] for i in steps], np.float32))
    writer.append(
        [{"step": i, "loss": 2.5 - i / 150, "lr": 0.1, "seconds": i / 100} for i in steps],
        [{"step": steps[0], "images": 64, **errors, "train_loss": 1.0, "test_loss": 2.0}],
        [{"step": steps[0], "names": units, "gradient": [1.0] * 3, "correlation": [0.5] * 3}],
    )
    writer.status("running", steps[-1] + 1, steps[-1] / 100)
