"""The guess before the measurement: with widgets, without them, and the comparison that follows."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PLOTLY, WIDGET = "application/vnd.plotly.v1+json", "application/vnd.jupyter.widget-view+json"
X = [8, 20, 56]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What is displayed, one bundle each."""
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    import lesson

    bundles: list[dict] = []

    def display(what, raw=False, **_):
        bundles.append(what if raw else {"text/markdown": what.data})

    monkeypatch.setattr(lesson, "display", display)
    return bundles


@pytest.fixture
def module(shown) -> ModuleType:
    import predict

    return predict


@pytest.fixture
def without_widgets(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    module._widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)  # its import raises ImportError


def words(bundle: dict) -> str:
    return bundle["text/markdown"]


def test_a_widget_is_shown_and_its_value_is_the_guess(module, shown):
    guess = module.predict("Which?", choices=["none", "one"])
    assert WIDGET in shown[0]
    assert words(shown[0]) == "**Predict.** Which?  \nChoose: none · one."
    guess._widgets[0].value = "one"
    assert guess.value == "one"
    guess.compare("none")
    assert words(shown[1]) == "Measured: **none**. You said “one”."
    assert words(shown[2]) == module.WHY
    guess._widgets[1].value = "It only adds."
    assert guess.why == "It only adds."


@pytest.mark.usefixtures("without_widgets")
def test_without_widgets_the_guess_is_written_in_the_cell(module, shown):
    guess = module.predict("How many?", between=(0, 100), unit="%", guess=30)
    assert WIDGET not in shown[0]
    assert "A number, from 0 to 100 %. Your guess is written in the cell." in words(shown[0])
    guess.compare(45.5)
    assert PLOTLY in shown[1]
    assert words(shown[2]) == "Measured: **45.5 %**. Your guess, 30, is 15.5 too low."


@pytest.mark.usefixtures("without_widgets")
def test_no_guess_is_no_error(module, shown):
    module.predict("Which?", choices=["a", "b"]).compare("a")
    module.predict("How many?", between=(0, 9)).compare(3)
    module.predict("Sketch.", between=(0, 9), x=X, curves=["plain"]).compare({"plain": [1, 2, 3]})
    said = " ".join(words(bundle) for bundle in shown if "text/markdown" in bundle)
    assert said.count("You made no guess this time.") == 2
    assert said.count("You drew nothing this time") == 1


def test_a_right_choice_is_said_to_be_right(module, shown):
    module.predict("Which?", choices=["a", "b"], guess="a").compare("a")
    assert words(shown[1]) == "Measured: **a**. As you said."


def test_drawn_curves_lie_under_the_measured_ones_and_the_gap_is_shaded(module, shown):
    guess = module.predict(
        "Sketch.", between=(0, 100), unit="%", x=X, curves=["plain", "residual"], guess={"plain": [0, 10, 20]}
    )
    guess.compare({"plain": [1, 12, 80], "residual": np.array([1, 1, 1])})
    traces = {trace.get("name", "gap"): trace for trace in shown[1][PLOTLY]["data"]}
    assert set(traces) == {"gap", "plain: your guess", "plain: measured", "residual: measured"}
    assert traces["gap"]["fill"] == "toself"
    assert list(traces["gap"]["y"]) == [0, 10, 20, 80, 12, 1]
    assert words(shown[2]) == "- plain: you are off by 21 % on average"


def test_on_a_logarithmic_axis_the_gap_is_a_factor(module, shown):
    many = module.predict("How long?", between=(0.1, 1000), log_y=True, guess=10)
    many.compare(40)
    assert words(shown[2]).endswith("Your guess, 10, is 1/4 of that.")
    drawn = module.predict(
        "Sketch.", between=(0.1, 10), log_y=True, x=[1, 2], curves=["plain"], guess={"plain": [2.0, 2.0]}
    )
    drawn.compare({"plain": [1, 4]})
    assert words(shown[-2]) == "- plain: you are off by a factor of 2 on average"


@pytest.mark.parametrize("kind", [{}, {"choices": ["a"], "between": (0, 1)}, {"between": (0, 1), "x": [1]}])
def test_an_unclear_question_is_an_error(module, kind):
    with pytest.raises(ValueError, match="give either choices, or between"):
        module.predict("What?", **kind)


PAGE = """
const { default: guess } = await import("data:text/javascript," + encodeURIComponent(source));
const traits = { kind, options, value: null };
const set = (name, value) => { traits[name] = value; };
window.model = { get: (name) => traits[name], set, save_changes() {} };
guess.render({ model: window.model, el: document.body });
"""
OPTIONS = {
    "question": "Sketch.", "choices": ["a", "b"], "between": [0, 100], "unit": "%", "x": X, "log": False,
    "curves": ["plain", "residual"], "titles": ["layers", "error"], "colours": ["#D55E00", "#0072B2"],
    "dashes": ["dash", "solid"],
}  # fmt: skip


@pytest.fixture
def new_guess(chromium):
    """Opens the widget in a browser, with its network cut; gives the page and a function for its value."""
    source = (NOTEBOOKS / "predict.js").read_text("utf-8")
    context = chromium.new_context(viewport={"width": 900, "height": 600}, offline=True)

    def open_page(kind, **more):
        page = context.new_page()
        page.set_content("<html><body></body></html>")
        script = f"async ({{ source, kind, options }}) => {{ {PAGE} }}"
        page.evaluate(script, {"source": source, "kind": kind, "options": OPTIONS | more})
        return page, lambda: page.evaluate("window.model.get('value')")

    yield open_page
    context.close()


@pytest.mark.slow
def test_choosing_and_sliding_in_a_browser(new_guess):
    page, value = new_guess("choose")
    assert value() is None
    page.get_by_label("b", exact=True).check()
    assert value() == "b"
    page, value = new_guess("slide")
    assert page.get_by_text("no guess yet").is_visible()
    page.get_by_role("slider").fill("0.25")
    assert value() == 25
    page, value = new_guess("slide", between=[0.1, 1000], log=True)
    page.get_by_role("slider").fill("0.5")
    assert value() == 10


@pytest.mark.slow
def test_drawing_in_a_browser(new_guess):
    page, value = new_guess("draw")
    box = page.locator("svg").bounding_box()
    across = lambda share: box["x"] + box["width"] * share  # noqa: E731
    page.mouse.move(across(0.12), box["y"] + 14)
    page.mouse.down()
    page.mouse.move(across(0.97), box["y"] + 248, steps=20)
    page.mouse.up()
    plain = value()["plain"]
    assert len(plain) == 3
    assert plain[0] > 80 > plain[1] > plain[2]
    page.get_by_role("button", name="draw residual").click()
    page.locator("svg").focus()
    page.keyboard.press("ArrowUp")  # the point that was touched last, from the middle
    assert set(value()) == {"plain", "residual"}
    assert value()["residual"] == [52, 52, 52]  # one point is a level line
    page.get_by_role("button", name="clear").click()
    assert value() is None


@pytest.mark.slow
def test_a_logarithmic_axis_has_powers_of_ten(new_guess):
    page, _ = new_guess("draw", between=[0.05, 2000], log=True)
    ticks = page.locator("svg text[text-anchor=end]").all_text_contents()
    assert ticks == ["0.1", "1", "10", "100", "1000"]


@pytest.mark.slow
def test_a_reason_is_kept(new_guess):
    page, value = new_guess("why")
    page.get_by_label("Why? One sentence").fill("F only adds.")
    page.get_by_label("Why? One sentence").blur()
    assert value() == "F only adds."


def test_zero_is_a_guess(module, shown):
    guess = module.predict("How many?", between=(0, 9))
    guess._widgets[0].value = 0
    guess.compare(0.5)
    assert "Your guess, 0, is 0.5 too low." in words(shown[2])
