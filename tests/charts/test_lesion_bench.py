"""The lesion bench's drawing: both twins' units, and what was done to them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from resnet_edu.charts import lesion_bench, style

UNITS = [f"stages.{stage}.{unit}" for stage in range(3) for unit in range(3)]
TITLES = {"plain": "plain 20", "residual": "residual 20"}


def boxes(**changes):
    """Of both nets."""
    figure = lesion_bench(UNITS, TITLES, **changes)
    return [trace for trace in figure.data if trace.mode == "markers+text"]


def test_both_twins_have_every_unit_in_order():
    for row in boxes():
        assert [box[0] for box in row.customdata] == UNITS
        assert list(row.x) == list(range(9))
    assert [row.marker.color[0] for row in boxes()] == ["#D55E00", "#0072B2"]


def test_only_the_residual_net_has_shortcuts_and_one_a_unit():
    curves = [
        trace for trace in lesion_bench(UNITS, TITLES).data if trace.mode == "lines" and len(trace.x) > 2
    ]
    (arcs,) = curves
    assert sum(1 for x in arcs.x if x != x) == 9  # NaN ends each


@pytest.mark.parametrize("template", ["light", "dark"])
def test_a_deleted_unit_is_empty_in_both(template):
    for row, colour in zip(
        boxes(deleted=["stages.1.0"], template=template), ("#D55E00", "#0072B2"), strict=True
    ):
        emptied = [
            box[0] for box, fill in zip(row.customdata, row.marker.color, strict=True) if fill != colour
        ]
        assert emptied == ["stages.1.0"]


def test_an_empty_box_shows_the_ground_of_the_app_s_pages():
    theme = tomllib.loads((Path(__file__).parents[2] / "app" / ".streamlit" / "config.toml").read_text())[
        "theme"
    ]
    for template in ("light", "dark"):
        assert style.ground(template) == theme[template]["backgroundColor"]
        residual = boxes(deleted=["stages.1.0"], template=template)[1]
        assert residual.marker.color[3] == style.ground(template)


def test_a_frozen_unit_is_paler_and_signed_in_both():
    for row in boxes(frozen=["stages.1.0"]):
        assert list(row.text) == ["", "", "", "❄", *[""] * 5]
        assert [place for place, fill in enumerate(row.marker.color) if fill != row.marker.color[0]] == [3]
        assert "with its initial weights" in row.hovertext[3]


def test_a_swapped_unit_shows_whose_place_it_has():
    for row in boxes(swapped={"stages.0.1": "stages.0.2", "stages.0.2": "stages.0.1"}):
        assert list(row.text) == ["", "3", "2", *[""] * 6]
        assert "unit 3 is here" in row.hovertext[1]


def test_the_picked_unit_has_a_frame():
    for row in boxes(picked="stages.2.2"):
        widths = list(row.marker.line.width)
        assert widths.index(max(widths)) == 8
