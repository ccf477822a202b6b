"""Every view is in its address, and the address opens it again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flow_pages import HOST, state_of, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from probe_answers import ALPHAS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

UNITS = [f"stages.{i}.{k}" for i in range(3) for k in range(9)]
MOMENTS = ["start", "loss", "weights", "update", "after"]
MOMENTS += [f"{way}.{unit}" for way in ("forward", "backward") for unit in UNITS]
HUNDREDTHS = st.integers(0, 100).map(lambda n: n / 100)
STATES = st.fixed_dictionaries(
    {
        "view": st.sampled_from(["training", "update", "dial"]),
        "q": st.sampled_from(["weight", "activation", "ratio", "correlation"]),
        "scale": st.sampled_from(["absolute", "last"]),
        "step": st.integers(0, 240),
        "pins": st.lists(st.sampled_from(["stem", "head", *UNITS]), unique=True, max_size=4),
        "open": st.just("")
        | st.tuples(st.integers(1, 13), st.integers(13, 27)).map(lambda r: f"{r[0]}-{r[1]}"),
        "speed": st.sampled_from([0.25, 0.5, 1, 2, 4]),
        "loop": st.booleans(),
        "formula": st.booleans(),
        "chain": st.lists(HUNDREDTHS.map(lambda w: 2 * w), min_size=2, max_size=2),
        "decay": st.lists(HUNDREDTHS, min_size=2, max_size=2),
        "update": st.integers(0, 1),
        "at": st.sampled_from(MOMENTS),
        "dial": st.just(0),
        "unit": st.sampled_from(["", *UNITS]),
        "alpha": st.sampled_from(ALPHAS),
    }
)


def words(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(words, value))
    return "1" if value is True else f"{value:g}" if isinstance(value, float) else str(value)


@pytest.fixture(scope="module")
def host(chromium, data, tmp_path_factory):
    from resnet_edu import flow

    path = tmp_path_factory.mktemp("address") / "host.html"
    path.write_text(HOST.format(css=flow.style(), js=flow.script()), encoding="utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.evaluate(
        "(data) => { globalThis.picture = mount(document.getElementById('place'), data); }",
        json.loads(json.dumps(data)),
    )
    yield page
    page.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=STATES)
def test_a_view_comes_back_from_its_address(host, state):
    query = "&".join(f"{name}={words(value)}" for name, value in state.items() if value is not False)
    shown = host.evaluate("(query) => { picture.show(query); return picture.state; }", query)
    assert shown == state
    again = host.evaluate(
        """() => { const query = picture.query; picture.show(''); picture.show(query);
        return [query, picture.query, picture.state]; }"""
    )
    assert again[0] == again[1]
    assert again[2] == state
    assert host.locator(".problem").is_hidden()


def test_the_beginning_has_an_empty_address(host):
    assert host.evaluate("() => { picture.show(''); return picture.query; }") == ""


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("step=241", 'step is "241"; allowed: 0 … 240.'),
        ("step=1.5", 'step is "1.5"; allowed: 0 … 240.'),
        ("q=colour", 'q is "colour"; allowed: weight, activation, ratio, correlation.'),
        ("pins=stages.9.9", 'pins is "stages.9.9"; allowed: names of units, such as stages.0.0.'),
        ("open=9-400", 'open is "9-400"; allowed: units from-to, such as 1-200.'),
        ("alpha=0.3", 'alpha is "0.3"; allowed: 0, 0.25, 0.5, 0.75, 1.'),
        ("unit=head", 'unit is "head"; allowed: names of units that have a shortcut.'),
        ("colour=red", "colour is unknown."),
        ("__proto__=1&toString=2", "__proto__ is unknown. toString is unknown."),
    ],
)
def test_what_an_address_cannot_mean_is_said(host, query, said):
    host.evaluate("(query) => picture.show(query)", query)
    assert host.locator(".problem").inner_text() == said
    assert host.evaluate("picture.query") == ""


def test_the_file_keeps_its_view_in_the_hash(opened):
    page = opened()
    page.get_by_role("radio", name="update : weight").click()
    page.keyboard.press("End")
    until(page, "location.hash === '#q=ratio&step=240'")
    page.evaluate("location.hash = 'q=activation&step=15&pins=stages.0.0'")
    until(page, "flow.state.step === 15")
    assert state_of(page)["pins"] == ["stages.0.0"]
    page.reload()
    page.wait_for_selector(".flow .traces")
    assert state_of(page)["step"] == 15
