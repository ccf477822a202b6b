import numpy as np
import pandas as pd
import pytest

from resnet_edu.charts import path_lengths, unit_contributions

UNITS = pd.DataFrame(
    {
        "unit": [0, 1],
        "name": ["stages.0.0", "stages.1.0"],
        "changes_size": [False, True],
        "shortcut": [10.0, 20.0],
        "branch": [5.0, 2.0],
        "output": [12.0, 21.0],
        "ratio": [0.5, 0.1],
        "cosine": [0.1, -0.2],
        "changed": [0.3, 0.2],
    }
)
PLAIN = UNITS.assign(shortcut=0.0, ratio=np.nan, cosine=np.nan)
LENGTHS = pd.DataFrame(
    {
        "length": [0, 1, 2],
        "paths": [1.0, 2.0, 1.0],
        "paths_share": [25.0, 50.0, 25.0],
        "norm": [0.1, 0.2, 0.1],
        "norm_sd": [0.0, 0.1, 0.0],
        "norm_share": [16.0, 67.0, 17.0],
        "together": [0.1, 0.3, 0.1],
        "share": [30.0, 80.0, -10.0],
        "norm_up_to": [16.0, 83.0, 100.0],
        "share_up_to": [30.0, 110.0, 100.0],
    }
)
ONE_PATH = LENGTHS.assign(paths=[0.0, 0, 1], paths_share=[0.0, 0, 100], share=[0.0, 0, 100])


def named(fig):
    return {trace.name: trace for trace in fig.data}


def test_contributions_are_branch_shortcut_and_their_ratio():
    fig = unit_contributions({"plain 8": PLAIN, "residual 8": UNITS})
    traces = named(fig)
    assert list(traces["residual 8: branch F(x)"].y) == [5, 2]
    assert list(traces["residual 8: shortcut h(x)"].y) == [10, 20]
    assert list(traces["residual 8: ratio"].y) == [0.5, 0.1]
    assert traces["residual 8: ratio"].yaxis == "y2"
    assert "plain 8: shortcut h(x)" not in traces
    assert traces["plain 8: branch F(x)"].line.dash == "dash"
    assert fig.layout.yaxis.title.text == "norm (L2)"
    assert fig.layout.yaxis2.title.text == "branch : shortcut"
    assert [shape.x0 for shape in fig.layout.shapes] == [2, 2], "one mark in each plot"


def test_a_norm_of_zero_leaves_a_gap_and_plain_nets_alone_have_nothing_to_compare():
    fig = unit_contributions({"plain 8": PLAIN.assign(branch=[0.0, 2.0])})
    assert np.isnan(fig.data[0].y[0])
    assert fig.data[0].y[1] == 2
    assert [note.text for note in fig.layout.annotations] == ["a plain net has no shortcut to compare with"]


def test_lengths_are_counted_above_and_weighed_below():
    fig = path_lengths({"plain 8": ONE_PATH, "residual 8": LENGTHS})
    traces = named(fig)
    assert list(traces["residual 8"].y) == [25, 50, 25]
    assert list(traces["residual 8: all paths together"].y) == [30, 80, -10]
    assert list(traces["residual 8: single paths, sampled"].y) == [16, 67, 17]
    assert list(traces["plain 8: all paths together"].x) == [2], "a plain net's one path"
    assert traces["residual 8: single paths, sampled"].line.dash == "dot"
    assert fig.layout.yaxis2.title.text == "gradient by paths<br>of this length (%)"


def test_lengths_can_be_added_up():
    traces = named(path_lengths({"residual 8": LENGTHS}, up_to=True))
    assert list(traces["residual 8: all paths together"].y) == [30, 110, 100]
    assert list(traces["residual 8: single paths, sampled"].y) == [16, 83, 100]


@pytest.mark.parametrize("template", ["light", "dark"])
@pytest.mark.parametrize("draw", [path_lengths, unit_contributions])
def test_nothing_measured_says_so(draw, template):
    assert draw({}, template=template).layout.annotations[0].text == "no paths measured yet"
