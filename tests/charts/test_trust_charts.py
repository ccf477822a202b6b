import numpy as np
import pandas as pd
import pytest

from resnet_edu.charts import trust

PARTS = ["head", "stages.0.1", "stages.0.0", "stem"]


def lines(fig):
    return [trace for trace in fig.data if trace.mode == "lines+markers"]


def test_correlations_stand_where_so_many_parts_are_random_and_start_at_one():
    values = {"plain 8": np.array([[0.5, 0.0], [0.7, np.nan]]), "residual 8": np.zeros((2, 2))}
    fig = trust.sanity_curves(values, ["head", "stem"], PARTS)
    plain, residual = lines(fig)
    assert list(plain.x) == [0, 25, 100]
    assert list(plain.y) == pytest.approx([1, 0.6, 0])  # what is no number is left out of the mean
    assert list(residual.y) == [1, 0, 0]
    assert (plain.line.color, plain.line.dash) == ("#D55E00", "dash")
    points = [trace for trace in fig.data if trace.mode == "markers"]
    assert len(points[0].x) == 6


def test_a_stage_without_any_number_leaves_a_gap():
    (line,) = lines(trust.sanity_curves({"plain 8": np.full((2, 1), np.nan)}, ["stem"], PARTS))
    assert np.isnan(line.y[1])


def test_shattered_gradients_tell_start_from_end():
    rows = [
        (net, depth, moment, 0.5, 0.1)
        for net in ("plain", "residual")
        for depth in (56, 8)
        for moment in ("before training", "trained")
    ]
    fig = trust.shattered_gradients(pd.DataFrame(rows, columns=["net", "depth", "moment", "mean", "sd"]))
    assert [line.name for line in lines(fig)] == [
        "plain, before training", "plain, trained", "residual, before training", "residual, trained",
    ]  # fmt: skip
    assert all(list(line.x) == [8, 56] for line in lines(fig))
    assert lines(fig)[0].line.width < lines(fig)[1].line.width
    assert list(lines(fig)[0].error_y.array) == [0.1, 0.1]


def test_shares_are_percent_of_the_difference():
    answer = {"branch": np.array([1.0, 3.0]), "difference": 4.0, "units": ["stages.0.0", "stages.1.0"]}
    (line,) = lines(trust.unit_shares({"residual 8": answer}))
    assert list(line.y) == [25, 75]
    assert list(line.x) == [1, 2]
