"""Every chart of every page leaves a finger's move to the page, which scrolls."""

from __future__ import annotations

import json

import pytest

from resnet_edu.jobs import pool


@pytest.mark.parametrize("page", ["degradation", "inside", "lesions", "paths", "saliency"])
def test_no_chart_zooms_when_it_is_dragged(opened, page, monkeypatch):
    monkeypatch.setattr(pool, "start", lambda shelf, slot: None)
    charts = [json.loads(chart.proto.spec) for chart in opened(page).get("plotly_chart")]
    assert charts
    assert {chart["layout"].get("dragmode") for chart in charts} == {False}
