"""`?present=1`: one figure of a page, as large as the screen."""

from __future__ import annotations

import json

import pytest

from resnet_edu.jobs import pool


@pytest.fixture(autouse=True)
def no_new_workers(monkeypatch):
    monkeypatch.setattr(pool, "start", lambda shelf, slot: None)


def charts(at) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def test_the_first_figure_is_shown_and_another_one_can_be_chosen(opened):
    whole = opened("degradation")
    assert len(charts(whole)) == 3
    whole.button(key="present").click().run()
    assert whole.query_params["present"] == "1"
    (first,) = charts(whole)
    assert first["layout"]["yaxis"]["title"]["text"] == "training error (%)"
    choice = whole.selectbox(key="url-figure")
    assert choice.options[0] == "training error against depth"
    assert len(choice.options) == 4  # the gradient-flow picture is one
    choice.select("losses").run()
    (second,) = charts(whole)
    assert "loss" in second["layout"]["yaxis"]["title"]["text"]
    whole.button(key="present").click().run()
    assert {"present", "figure"}.isdisjoint(whole.query_params)
    assert len(charts(whole)) == 3


@pytest.mark.parametrize("page", ["degradation", "paths", "saliency"])
def test_a_presented_chart_has_the_screen_s_height_and_no_smaller_type(opened, page):
    (shown,) = charts(opened(page, present=1))
    usual, *_ = charts(opened(page))
    assert "height" in usual["layout"]
    assert "height" not in shown["layout"]
    sizes = [each["layout"]["template"]["layout"]["font"]["size"] for each in (shown, usual)]
    assert sizes[0] == pytest.approx(sizes[1] * (1 if page == "saliency" else 1.25))
    assert shown["data"] == usual["data"] or page != "saliency"


@pytest.mark.parametrize(("page", "drawn"), [("inside", 2), ("lesions", 1)])
def test_drawings_to_click_on_are_presented_too(opened, page, drawn):
    at = opened(page, present=1)
    assert len(charts(at)) == drawn
    assert not at.warning


def test_a_figure_that_the_page_does_not_have_is_named(opened):
    at = opened("paths", present=1, figure="none")
    assert "figure is 'none'; allowed here: " in at.warning[0].value.replace("\\", "")
    assert charts(at) == []
    assert at.selectbox(key="url-figure").value is None
