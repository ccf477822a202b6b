"""The picture's formulas equal those of the studies, over a grid of w, depths and units."""

from __future__ import annotations

import itertools

import pytest
from flow_pages import HOST

from resnet_edu import flow
from resnet_edu.studies.formulas import chain, correlations

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
DRAWN = """([quantity, kind, count, layers, w]) => {
    const units = Array.from({ length: count }, () => ({ layers: Array(layers).fill(0) }));
    const net = { kind, units, look: kind };
    const state = { formula: true, q: quantity, chain: [w, w], decay: [0.5, 0.5] };
    return formulas.overlayOf({ nets: [net] }, [{ values: Array(count).fill(1) }], state)[0].values; }"""
KINDS = {"plain": "plain", "residual": "residual with batch norm"}


@pytest.fixture(scope="module")
def host(chromium, tmp_path_factory):
    path = tmp_path_factory.mktemp("formulas") / "host.html"
    text = HOST.format(css="", js=f"{flow.script()}\nglobalThis.formulas = _formulas;")
    path.write_text(text, encoding="utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    yield page
    page.close()


@pytest.mark.parametrize("kind", KINDS)
def test_chains_of_the_picture_are_those_of_the_studies(host, kind):
    for count, w in itertools.product((1, 2, 27, 200), (0.0, 0.1, 0.5, 0.9, 1.0, 1.2)):
        drawn = host.evaluate(DRAWN, ["activation", kind, count, 2, w])
        assert drawn == pytest.approx(list(chain(count, w, residual=kind == "residual")), rel=1e-9), (
            count,
            w,
        )


@pytest.mark.parametrize("kind", KINDS)
def test_correlations_of_the_picture_are_those_of_the_studies(host, kind):
    for count, layers in itertools.product((1, 2, 9, 54), (1, 2, 3)):
        drawn = host.evaluate(DRAWN, ["correlation", kind, count, layers, 0.5])
        expected = list(correlations(count, KINDS[kind], layers_each=layers))
        assert drawn == pytest.approx(expected, rel=1e-9), (count, layers)
