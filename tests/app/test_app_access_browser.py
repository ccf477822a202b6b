"""Every page in Chromium for those who cannot use it as most do: axe-core, titles, a large figure."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from served import CHART, parameters, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
AXE = (Path(__file__).parents[1] / "flow" / "vendor" / "axe.min.js").read_text("utf-8")
PAGES = {
    "": "Does a deeper net train worse?",
    "inside": "What is inside?",
    "lesions": "What if a unit is missing?",
    "paths": "What do its paths carry?",
    "saliency": "What does the net look at?",
}


def loaded(page) -> None:
    page.wait_for_selector(CHART)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_each_tab_has_its_title(visit, scheme):
    page = visit(color_scheme=scheme)
    found = []
    for path, title in PAGES.items():
        page.goto(f"{page.url.split('?')[0].rsplit('/', 1)[0]}/{path}")
        loaded(page)
        wait_until(lambda title=title: page.title() == f"{title} – resnet-edu", f"{title} is the tab's title")
        page.evaluate(AXE)
        result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        grave = [each for each in result["violations"] if each["impact"] in ("serious", "critical")]
        found += [(path, each["id"], each["nodes"][0]["html"][:200]) for each in grave]
        headings = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all("all => all.map(e => +e.tagName[1])")
        assert headings[0] == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(headings)), path
    assert found == []


def test_the_key_p_shows_one_figure_as_large_as_the_screen_and_again_the_page(visit):
    page = visit("?study=minute", width=1024, height=576)
    loaded(page)
    assert page.locator(CHART).count() > 1
    page.keyboard.press("p")
    wait_until(lambda: parameters(page).get("present") == "1", "the address says so")
    chart = page.locator("[class*=st-key-presented-] .js-plotly-plot")
    chart.wait_for()
    wait_until(lambda: chart.bounding_box()["height"] > 0.75 * 576, "the figure fills the screen")
    box = chart.bounding_box()
    assert box["y"] + box["height"] <= 576
    assert box["width"] > 0.9 * 1024
    page.keyboard.press("p")
    wait_until(lambda: "present" not in parameters(page), "the address is as before")
    page.wait_for_selector(f".st-key-heatmaps {CHART}")
