import numpy as np
import pandas as pd
import pytest

from resnet_edu.charts import by_depth
from resnet_edu.charts.statistics import COSINES, LOG, SHARES

LAYERS = pd.DataFrame(
    {
        "layer": [0, 1, 2],
        "name": ["stem.conv", "conv1", "head"],
        "gradient": [100.0, 0.0, np.inf],
        "ratio": [1, 2, 4],
    }
)
UNITS = pd.DataFrame(
    {
        "unit": [0, 1],
        "name": ["stages.0.0", "stages.1.0"],
        "changes_size": [False, True],
        "norm": [10.0, 1000.0],
        "norm_se": [1.0, 20.0],
        "nearby": [-0.3, 0.9],
    }
)
RELUS = pd.DataFrame({"relu": [0, 1], "name": ["stem.relu", "relu1"], "dead": [0.0, 50.0]})


def test_norms_are_on_a_log_scale_with_gaps_for_what_has_no_place_there():
    fig = by_depth({"plain 8": LAYERS, "residual 8": LAYERS.assign(gradient=[1.0, 2.0, 3.0])}, "gradient")
    plain, residual = fig.data
    assert fig.layout.yaxis.type == "log"
    assert plain.y[0] == 100
    assert np.isnan(plain.y[1:]).all()
    assert list(residual.y) == [1, 2, 3]
    assert (plain.line.dash, residual.line.dash) == ("dash", "solid")
    assert list(plain.x) == [1, 2, 3]
    assert fig.layout.xaxis.title.text == "layer"
    assert fig.layout.yaxis.title.text == "norm of the loss gradient (L2)"


def test_estimates_show_two_standard_errors_and_units_their_sizes():
    fig = by_depth({"residual 8": UNITS}, "norm")
    assert list(fig.data[0].error_y.array) == [2, 40]
    assert [shape.x0 for shape in fig.layout.shapes] == [2]
    assert "changes the size" in fig.layout.xaxis.title.text


def test_cosines_and_shares_have_scales_of_their_own():
    low, high = by_depth({"plain 8": UNITS}, "nearby").layout.yaxis.range
    assert low < -0.3
    assert high > 1
    low, high = by_depth({"plain 8": UNITS.assign(nearby=[0.1, 0.2])}, "nearby").layout.yaxis.range
    assert low == -0.05
    fig = by_depth({"plain 8": RELUS}, "dead")
    assert list(fig.layout.yaxis.range) == [-2, 102]
    assert fig.layout.xaxis.title.text == "ReLU"


def test_every_column_has_a_title_with_what_it_is():
    for titles in (LOG, COSINES, SHARES):
        for which, title in titles.items():
            table = UNITS.assign(**{which: [0.5, 0.25]})
            assert by_depth({"plain 8": table}, which).layout.yaxis.title.text == title


@pytest.mark.parametrize("template", ["light", "dark"])
def test_nothing_measured_says_so(template):
    assert (
        by_depth({"plain 8": LAYERS[:0]}, "ratio", template=template).layout.annotations[0].text
        == "nothing measured yet"
    )
    assert len(by_depth({"plain 8": LAYERS.assign(ratio=np.nan)}, "ratio").data) == 1


def test_unknown_columns_are_refused():
    with pytest.raises(ValueError, match="which is 'loss'; allowed: gradient, weight"):
        by_depth({"plain 8": LAYERS}, "loss")
