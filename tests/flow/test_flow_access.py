"""Nothing serious for axe-core, in light and dark, in every view."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
VIEWS = {
    "training": "q=activation&step=15&pins=stages.0.0,head",
    "formula": "formula=1&q=correlation",
    "update": "view=update&at=backward.stages.1.3",
    "dial": "view=dial&alpha=0.5",
    "problem": "step=9999",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, scheme):
    page = opened(color_scheme=scheme)
    page.evaluate(AXE)
    found = {}
    for name, query in VIEWS.items():
        page.evaluate("(query) => flow.show(query)", query)
        assert page.locator(".flow").get_attribute("data-theme") == scheme
        result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        serious = [each for each in result["violations"] if each["impact"] in ("serious", "critical")]
        found[name] = [
            (each["id"], each["nodes"][0]["html"][:120], each["nodes"][0]["failureSummary"])
            for each in serious
        ]
    assert not any(found.values()), found
