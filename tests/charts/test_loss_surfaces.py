"""Planes with one colour scale that say what they leave out; lines with a gap where nothing is finite."""

from __future__ import annotations

import numpy as np
import pytest

from resnet_edu.charts import loss_lines, loss_planes
from resnet_edu.charts.surface import TOP

AT = np.linspace(-1, 1, 5)


def plane(loss, **facts):
    loss = np.broadcast_to(np.asarray(loss, np.float32), (5, 5)).copy()
    told = {"images": 500, "statistics": "running", "centre_loss": 0.5, "centre_error": 12.5}
    return told | facts, {"at": AT, "loss": loss, "error": np.full((5, 5), 30.0, np.float32)}


def line(loss, **facts):
    told = {"images": 1500, "statistics": "batch"}
    return told | facts, {"at": AT, "loss": np.array(loss, np.float32), "error": np.full(5, 30, np.float32)}


def colours(fig):
    return fig.layout.coloraxis


def maps(fig):
    return [trace for trace in fig.data if trace.type == "contour"]


def texts(fig) -> str:
    axes = [fig.layout[name] for name in fig.to_plotly_json()["layout"] if "axis" in name]
    return " ".join(axis.title.text or "" for axis in axes if axis != fig.layout.coloraxis)


def test_both_planes_have_one_scale_in_powers_of_ten():
    fig = loss_planes({"plain-56": plane(np.geomspace(2, 50, 25).reshape(5, 5)), "resnet-56": plane(0.01)})
    assert [trace.coloraxis for trace in maps(fig)] == ["coloraxis", "coloraxis"]
    assert colours(fig).cmin == pytest.approx(-2)
    assert colours(fig).cmax == pytest.approx(np.log10(50))
    assert "nats" in colours(fig).colorbar.title.text
    np.testing.assert_allclose(maps(fig)[1].z, -2, atol=1e-3)
    assert maps(fig)[0].customdata[4, 4].tolist() == pytest.approx([50, 30])
    titles = [label.text for label in fig.layout.annotations]
    assert titles == ["<b>plain-56</b>", "<b>resnet-56</b>"]


def test_what_lies_above_the_top_is_cut_off_and_counted():
    loss = np.full((5, 5), 2.0)
    loss[0] = 3e8
    fig = loss_planes({"plain-56": plane(loss), "resnet-56": plane(1.0)})
    assert maps(fig)[0].z.max() == pytest.approx(np.log10(TOP))
    assert maps(fig)[0].customdata[0, 0, 0] == pytest.approx(3e8), "the pointer is told the number itself"
    assert colours(fig).colorbar.ticktext[-1] == "≥ 100"
    assert "20 % above 100 nats, up to 3·10<sup>8</sup>" in fig.layout.xaxis.title.text
    assert "above" not in fig.layout.xaxis2.title.text


def test_the_scale_s_last_tick_is_a_plain_number_when_nothing_is_cut_off():
    fig = loss_planes({"resnet-56": plane(np.geomspace(0.01, 99, 25).reshape(5, 5))})
    assert not any("≥" in tick for tick in colours(fig).colorbar.ticktext)


def test_points_that_are_not_finite_are_gaps_and_counted():
    loss = np.full((5, 5), 2.0)
    loss[0, :2] = np.nan
    fig = loss_planes({"plain-56": plane(loss)})
    assert np.isnan(maps(fig)[0].z[0, :2]).all()
    assert "2 of 25 points not finite" in texts(fig)
    empty = loss_planes({"plain-56": plane(np.nan)})
    assert "25 of 25 points not finite" in texts(empty)


@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_a_plane_says_how_it_was_computed_and_where_the_net_is(statistics):
    fig = loss_planes({"plain-56": plane(1.0, statistics=statistics, images=1500)}, template="dark")
    assert f"1,500 training images, {statistics} statistics" in texts(fig)
    assert "trained weights: 0.5 nats, 12.5 % error" in texts(fig)
    assert "α, steps of the filters’ norms" in texts(fig)
    (cross,) = (trace for trace in fig.data if trace.type == "scatter")
    assert (cross.x, cross.y) == ((0,), (0,))
    assert fig.layout.yaxis.scaleanchor == "x"


def test_lines_have_loss_above_and_error_below():
    fig = loss_lines({"plain-56": line([9, 4, 2, 4, 9]), "resnet-56": line([1, 0.1, 0.01, 0.1, 1])})
    assert [trace.line.dash for trace in fig.data] == ["dash", "dash", "solid", "solid"]
    assert [trace.name for trace in fig.data if trace.showlegend] == ["plain-56", "resnet-56"]
    assert fig.layout.yaxis.type == "log"
    low, high = fig.layout.yaxis.range
    assert low < -2 < np.log10(9) < high
    assert {"training loss (nats)", "training error (%)"} <= {
        axis.title.text for axis in (fig.layout.yaxis, fig.layout.yaxis2)
    }
    assert "random direction" in fig.layout.xaxis2.title.text
    assert "1,500 training images, batch statistics" in fig.layout.xaxis2.title.text


def test_the_way_from_the_initial_weights_is_named():
    fig = loss_lines({"plain-56": line([1, 1, 1, 1, 1], start=0)})
    assert "from the initial weights (0) to the trained ones (1)" in fig.layout.xaxis2.title.text


def test_a_line_with_gaps_counts_them():
    fig = loss_lines({"plain-56": line([np.nan, 4, 2, np.inf, 9])})
    assert fig.data[0].name == "plain-56 (2 of 5 points not finite)"
    assert loss_lines({"plain-56": line([np.nan] * 5)}).data[0].name.endswith("(5 of 5 points not finite)")
