import math

import numpy as np
import pandas as pd
import pytest

from resnet_edu.charts import error_by_depth


def measured(*rows):
    columns = ["depth", "net", "seed", "step", "train_error", "test_error", "run", "state"]
    return pd.DataFrame(rows, columns=columns)


def row(net, depth, seed, error, state="done"):
    return (depth, net, seed, 240, error, error + 1, f"{net}-{depth}-{seed}", state)


TABLE = measured(
    *(row("plain", 8, seed, 0.5 * seed) for seed in range(3)),
    *(row("plain", 56, seed, error) for seed, error in enumerate((60, 70, 80))),
    *(row("residual", depth, seed, 0.1 * seed) for depth in (8, 56) for seed in range(3)),
)


def trace(fig, name):
    (found,) = [trace for trace in fig.data if trace.name == name]
    return found


def test_lines_are_means_in_the_nets_colours():
    fig = error_by_depth(TABLE)
    plain, residual = trace(fig, "plain"), trace(fig, "residual")
    assert list(plain.y) == [0.5, 70]
    assert (plain.line.color, plain.line.dash) == ("#D55E00", "dash")
    assert (residual.line.color, residual.line.dash) == ("#0072B2", "solid")
    assert "70.0 ± 10.0 % (mean ± sd of 3 runs)" in plain.text[1]


def test_a_point_is_a_run_and_the_band_one_sd():
    fig = error_by_depth(TABLE)
    assert sorted(trace(fig, "plain, runs").y) == [0, 0.5, 1, 60, 70, 80]
    band = next(trace for trace in fig.data if trace.fill == "toself")
    assert sorted(band.y) == [0, 1, 60, 80]
    assert len(fig.data) == 6


def test_axes_have_titles_units_and_ticks_at_the_depths():
    fig = error_by_depth(TABLE, "test_error", chance=90)
    assert fig.layout.yaxis.title.text == "test error (%)"
    assert fig.layout.xaxis.title.text == "depth (weighted layers)"
    assert list(fig.layout.xaxis.tickvals) == [8, 56]
    assert "chance 90 %" in {note.text for note in fig.layout.annotations}


def test_the_nets_are_named_with_their_spread():
    notes = [note.text for note in error_by_depth(TABLE).layout.annotations]
    assert notes == ["<b>plain</b><br>70.0 ± 10.0 %", "<b>residual</b><br>0.1 ± 0.1 %"]


def test_unfinished_runs_are_hollow_and_diverged_ones_crosses():
    table = measured(
        row("plain", 8, 0, 1.0), row("plain", 8, 1, 50, "running"), row("plain", 8, 2, 90, "diverged")
    )
    fig = error_by_depth(table)
    assert list(trace(fig, "plain, runs").marker.symbol) == ["diamond", "diamond-open", "x"]
    assert list(trace(fig, "plain").y) == [45.5]


def test_one_run_has_no_band_and_no_spread():
    fig = error_by_depth(measured(row("plain", 8, 0, 1.0)))
    assert all(trace.fill is None for trace in fig.data)
    assert fig.layout.annotations[0].text == "<b>plain</b><br>1.0 %"


def test_runs_that_have_not_ended_are_named_too():
    fig = error_by_depth(measured(row("residual", 20, 0, 30.0, "running")))
    assert fig.layout.annotations[0].text == "<b>residual</b><br>not ended yet"
    assert len(fig.data) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, None])
def test_a_run_without_a_number_is_left_out(bad):
    fig = error_by_depth(measured(row("plain", 8, 0, 1.0), (56, "plain", 0, 0, bad, bad, "r", "running")))
    assert list(trace(fig, "plain, runs").y) == [1]
    assert np.isfinite(fig.layout.yaxis.range).all()


def test_nothing_measured_says_so():
    assert error_by_depth(TABLE[:0]).layout.annotations[0].text == "no error measured yet"


def test_unknown_errors_are_refused():
    with pytest.raises(ValueError, match="which is 'loss'; allowed: train_error"):
        error_by_depth(TABLE, "loss")
