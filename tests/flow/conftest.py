"""The picture in one Chromium, opened from disk: no server, and no request is answered."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flow_pages import HOST, WAIT
from probe_answers import dial, update

from resnet_edu import flow
from resnet_edu.flow.contract import FlowData
from resnet_edu.runs import Run, recorded


@pytest.fixture(scope="session")
def twins() -> tuple[Run, Run]:
    return recorded().find("plain-56-digits-s0"), recorded().find("resnet-56-digits-s0")


@pytest.fixture(scope="session")
def data(twins: tuple[Run, Run]) -> FlowData:
    """The recorded 56-layer twins, with made-up answers of probes."""
    found = flow.flow_data(*twins)
    found["updates"] = [update(found), update(found, step=15)]
    found["dials"] = [dial(found)]
    return found


@pytest.fixture
def new_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """`new_page(width=390, height=844, has_touch=True)`; errors and requests fail the test."""
    contexts, troubles = [], []

    def make(width: int = 1366, height: int = 768, **settings: Any) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, offline=True, reduced_motion="reduce", **settings
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda line: line.type == "error" and troubles.append(f"console: {line.text}"))
        page.on(
            "request", lambda asked: asked.url.startswith(("file:", "data:")) or troubles.append(asked.url)
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert not troubles


@pytest.fixture
def opened(new_page: Callable[..., Any], data: FlowData, tmp_path: Path) -> Callable[..., Any]:
    """`opened("q=ratio&step=10", width=390)`: the HTML file, from disk, at an address."""

    def open_file(query: str = "", what: FlowData | None = None, **settings: Any) -> Any:
        path = flow.write_page(data if what is None else what, tmp_path / "flow.html")
        page = new_page(**settings)
        page.goto(f"{path.as_uri()}#{query}")
        page.wait_for_selector(".flow .unit[data-values]", state="attached")
        return page

    return open_file


@pytest.fixture
def mounted(new_page: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """`mounted(data, query="step=3")`: in a host that counts what it hears, as `said`."""

    def mount(what: FlowData, **options: Any) -> Any:
        path = tmp_path / "host.html"
        path.write_text(HOST.format(css=flow.style(), js=flow.script()), encoding="utf-8")
        page = new_page()
        page.goto(path.as_uri())
        page.evaluate(
            """([data, options]) => { globalThis.said = [];
            globalThis.picture = mount(document.getElementById('place'), data,
                { ...options, onState: (query) => said.push(query) }); }""",
            [json.loads(json.dumps(what)), options],
        )
        page.wait_for_selector(".flow .unit[data-values]", state="attached")
        return page

    return mount


@pytest.fixture(scope="session")
def first_half(data: FlowData) -> FlowData:
    """The same run while it grows: what was measured before step 100."""
    half = copy.deepcopy(data)
    half["live"] = True
    for net in half["nets"]:
        for name in ("layer_table", "unit_table", "loss", "evals"):
            table = net[name]  # type: ignore[literal-required]
            count = sum(step < 100 for step in table["steps"])
            for column in table:
                table[column] = table[column][:count]
    return half
