"""The picture in a real browser: the tables' numbers, every control by key and by finger."""

from __future__ import annotations

import itertools

import pytest
from flow_pages import state_of, until, values_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

RADIOS = ".radios.q button"


def test_the_numbers_drawn_are_the_tables(opened, twins):
    page = opened("step=15")
    for net, run in enumerate(twins):
        layers = run.layers().query("step == 15")
        for block in ("stem", "stages.0.0", "stages.2.8", "head"):
            drawn = layers[layers["name"].str.startswith(f"{block}.") | (layers["name"] == block)]
            assert values_of(page, net, block) == pytest.approx(list(drawn["gradient"]), rel=1e-4)
    page.locator(RADIOS, has_text="update").click()
    for net, run in enumerate(twins):
        row = run.layers().query("step == 15 and name == 'head'").iloc[0]
        assert values_of(page, net, "head") == pytest.approx([row["update"] / row["weight"]], rel=1e-4)
    for button, column in (("activation", "gradient"), ("correlation", "correlation")):
        page.locator(RADIOS, has_text=button).click()
        for net, run in enumerate(twins):
            row = run.units().query("step == 15 and name == 'stages.1.3'").iloc[0]
            assert values_of(page, net, "stages.1.3") == pytest.approx([row[column]], rel=1e-4)


def test_between_measured_steps_the_last_value_stays(opened, twins):
    page = opened("q=activation&step=59")  # measured at 15 and at 60
    row = twins[1].units().query("step == 15 and name == 'stages.0.0'").iloc[0]
    assert values_of(page, 1, "stages.0.0") == pytest.approx([row["gradient"]], rel=1e-4)
    assert page.locator(".clock .when").inner_text() == "last measured value"
    assert page.locator(".clock .now").inner_text() == "step 59 of 240"


def test_relative_to_the_last_layer_the_last_is_one(opened):
    page = opened("step=15")
    absolute = values_of(page, 0, "stem")[0] / values_of(page, 0, "head")[0]
    page.get_by_role("button", name="÷ last layer").click()
    assert values_of(page, 0, "head") == [1]
    assert values_of(page, 0, "stem") == pytest.approx([absolute])
    assert "relative to the last" in page.locator(".profile .title").text_content()


def test_the_colour_scale_and_the_axes_are_the_same_at_all_steps(opened):
    page = opened()
    read = "() => [...document.querySelectorAll('.profile .axis, .losses .axis')].map(e => e.textContent)"
    before = page.evaluate(read)
    page.keyboard.press("End")
    assert state_of(page)["step"] == 240
    assert page.evaluate(read) == before
    assert "10⁴" in before[0]


def test_keys_play_pause_step_and_jump(opened):
    page = opened()
    for key, step in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 240), ("Home", 0)):
        page.keyboard.press(key)
        assert state_of(page)["step"] == step
    page.keyboard.press("Space")
    until(page, "flow.playing && flow.state.step > 3")
    assert page.get_by_role("button", name="Pause").count() == 1
    page.keyboard.press("Space")
    assert page.evaluate("flow.playing") is False
    assert page.get_by_role("button", name="Play").count() == 1


def test_every_control_is_reached_and_used_by_keyboard_alone(opened):
    page = opened("view=training")
    reached = {}
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => { const e = document.activeElement;
            return e === document.body ? null : e.getAttribute('aria-label') ?? e.textContent; }"""
        )
        outlined = page.evaluate(
            """() => { const e = document.activeElement; const s = getComputedStyle(e);
            const box = e.querySelector('.box');
            return s.outlineStyle !== 'none' || (box && getComputedStyle(box).strokeWidth === '3.5px'); }"""
        )
        if name is None:
            break
        reached[name.split(",")[0]] = outlined
    for control in (
        "Training", "weight gradient", "÷ last layer", "textbook formula", "plain-56",
        "What is read", "First", "Step back", "Play", "Step forward", "Last", "step", "Speed", "Loop",
    ):  # fmt: skip
        assert reached.get(control), f"{control}: {reached}"


def test_radios_move_by_arrows_and_buttons_by_space(opened):
    page = opened()
    page.locator(f"{RADIOS}[aria-checked=true]").focus()
    page.keyboard.press("ArrowRight")
    assert state_of(page)["q"] == "activation"
    assert state_of(page)["step"] == 0  # the player did not hear the arrow
    page.get_by_role("button", name="÷ last layer").focus()
    page.keyboard.press("Space")
    assert state_of(page)["scale"] == "last"
    page.get_by_role("button", name="Loop").focus()
    page.keyboard.press("Space")
    assert state_of(page)["loop"] is True
    page.get_by_label("Speed").focus()
    page.keyboard.press("ArrowDown")
    assert state_of(page)["speed"] == 2
    page.get_by_role("slider", name="step").focus()
    page.keyboard.press("ArrowRight")
    assert state_of(page)["step"] == 1
    assert page.get_by_role("slider", name="step").get_attribute("aria-valuetext").startswith("step 1 of 240")


def test_units_are_walked_read_and_pinned_by_keyboard(opened):
    page = opened("q=activation")
    page.locator("svg.net.plain .unit").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label.startswith("resnet-56, unit 2, stages.0.1, activation gradient: ")
    reading = page.locator(".reading")
    assert "unit 2 of 27, stages.0.1" in reading.inner_text()
    assert "output 8 × 8 × 8; y = ReLU(x + F(x))" in reading.inner_text()
    assert reading.locator("math").count() == 1
    page.keyboard.press("Enter")
    assert state_of(page)["pins"] == ["stages.0.1"]
    assert page.locator(".traces").is_visible()
    assert page.evaluate("document.activeElement.getAttribute('data-block')") == "stages.0.1"
    page.keyboard.press("Space")
    assert state_of(page)["pins"] == []
    assert not page.locator(".traces").is_visible()


def test_pointing_reads_a_unit_with_the_twins_beside_each_other(opened, twins):
    page = opened("q=activation&step=0")
    page.locator("svg.net.plain [data-block='stages.0.0']").hover()
    said = page.locator(".reading table").inner_text()
    assert "204" in said
    assert "1.27" in said
    rows = [run.units().query("step == 0 and name == 'stages.0.0'").iloc[0]["gradient"] for run in twins]
    assert [round(row, 2) for row in rows] == [204.28, 1.27]
    assert "Measured at step 0. plain-56 has 160 × as much." in page.locator(".compare").inner_text()


def test_every_control_takes_one_tap(opened):
    page = opened(width=390, height=844, has_touch=True)
    page.locator(RADIOS, has_text="correlation").tap()
    assert state_of(page)["q"] == "correlation"
    page.locator(RADIOS, has_text="activation").tap()
    page.get_by_role("button", name="÷ last layer").tap()
    page.get_by_role("button", name="textbook formula").tap()
    assert state_of(page)["scale"] == "last"
    assert state_of(page)["formula"] is True
    page.get_by_role("button", name="Step forward").tap()
    assert state_of(page)["step"] == 1
    page.get_by_role("button", name="Last", exact=True).tap()
    assert state_of(page)["step"] == 240
    box = page.locator(".scrub").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert 110 <= state_of(page)["step"] <= 130
    page.get_by_role("button", name="Loop").tap()
    assert state_of(page)["loop"] is True
    page.locator("svg.net.residual .folded").first.tap()
    assert state_of(page)["open"] == "1-9"
    page.locator("svg.net.residual [data-block='stages.0.4']").tap()
    assert state_of(page)["pins"] == ["stages.0.4"]
    page.get_by_role("button", name="whole net").tap()
    assert state_of(page)["open"] == ""
    page.get_by_role("button", name="Play").tap()
    page.get_by_role("button", name="Pause").tap()


@pytest.mark.parametrize("place", ["svg.net.plain", ".profile", ".losses"])
def test_a_finger_that_scrolls_the_page_scrolls_the_page(opened, place):
    page = opened("step=60", width=390, height=600, has_touch=True)
    page.locator(place).scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, 150)")
    box = page.locator(place).bounding_box()
    x, y = box["x"] + box["width"] / 2, max(20, min(300, box["y"] + box["height"] / 2))
    assert page.evaluate("scrollY") == 150
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for moved in range(10, 130, 20):
        touch.send(
            "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y + moved}]}
        )
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    until(page, "scrollY < 100")
    assert state_of(page)["step"] == 60


def test_the_whole_picture_is_visible_on_a_projector_and_stacks_on_a_phone(opened):
    page = opened("pins=stages.0.0", width=1024, height=576)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for part in (".controls", ".nets", ".profile-box", ".losses", ".traces", ".reading", ".transport"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 576, part
        assert box["height"] > 30, part
    page.set_viewport_size({"width": 390, "height": 844})
    until(page, "document.querySelector('.flow').dataset.size === 'narrow'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = [page.locator(part).bounding_box() for part in (".nets", ".profile-box", ".losses")]
    assert all(a["y"] + a["height"] <= b["y"] for a, b in itertools.pairwise(boxes))


def test_while_it_plays_the_host_hears_nothing(mounted, data):
    page = mounted(data, query="speed=4")
    page.evaluate("picture.player.toggle()")
    until(page, "picture.state.step > 5")
    page.wait_for_timeout(400)  # longer than the rest after which the host hears
    assert page.evaluate("said") == []
    page.evaluate("picture.player.toggle()")
    until(page, "said.length === 1")
    assert page.evaluate("said[0]") == f"step={state_of(page)['step']}&speed=4"


def test_at_the_end_it_rests_or_begins_again(mounted, data):
    page = mounted(data, query="step=239&speed=4")
    page.evaluate("picture.player.toggle()")
    until(page, "!picture.playing")
    assert state_of(page)["step"] == 240
    page.evaluate("picture.show('step=239&speed=4&loop=1'); picture.player.toggle()")
    until(page, "picture.state.step < 100")
    assert page.evaluate("picture.playing")


def test_live_steps_are_appended_to_the_same_picture(mounted, first_half, data):
    page = mounted(first_half, query="step=99&pins=stages.0.0")
    page.evaluate("document.querySelector('.flow').mark = 'the same'")
    axes = "[...document.querySelectorAll('.losses .axis, .profile .axis')].map(e => e.textContent)"
    before = page.evaluate(axes)
    length = "document.querySelector('.losses path.line').getAttribute('d').length"
    short = page.evaluate(length)
    page.locator("svg.net .unit").first.focus()
    page.evaluate("(data) => picture.update(data)", {**data, "live": True})
    assert page.evaluate("document.querySelector('.flow').mark") == "the same"
    assert page.locator(".flow").count() == 1
    assert page.evaluate(axes) == before
    assert page.evaluate(length) > short * 1.5
    assert state_of(page)["step"] == 99
    assert page.evaluate("document.activeElement.getAttribute('data-block')") == "stem"
    page.keyboard.press("Escape")
    page.evaluate("picture.show('step=240&q=activation')")
    drawn = values_of(page, 0, "stages.0.0")
    assert drawn == [data["nets"][0]["unit_table"]["gradient"][-1][0]]


def test_destroyed_nothing_is_left(mounted, data):
    page = mounted(data)
    page.evaluate("picture.destroy()")
    assert page.evaluate("document.getElementById('place').childElementCount") == 0
