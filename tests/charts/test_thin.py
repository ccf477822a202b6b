import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_edu.charts import thin

losses = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=400)
points = st.integers(5, 120)


def table(values):
    return pd.DataFrame({"step": range(len(values)), "loss": np.array(values, dtype=float)})


@given(losses, points)
def test_rows_are_some_of_the_tables_in_order(values, most):
    kept = thin(table(values), most)
    assert len(kept) <= most
    assert kept["step"].is_monotonic_increasing
    assert kept["step"].is_unique
    pd.testing.assert_frame_equal(kept, table(values).iloc[kept["step"].to_list()])


@given(losses.filter(bool), points)
def test_ends_and_extremes_stay(values, most):
    kept = thin(table(values), most)
    assert kept["step"].iloc[0] == 0
    assert kept["step"].iloc[-1] == len(values) - 1
    finite = [value for value in values if np.isfinite(value)]
    if finite:
        assert {min(finite), max(finite)} <= set(kept["loss"])
    broken = [step for step, value in enumerate(values) if not np.isfinite(value)]
    assert not broken or broken[0] in set(kept["step"])


def test_a_short_table_stays_as_it_is():
    short = table([3.0, 2.0, 1.0])
    pd.testing.assert_frame_equal(thin(short), short)


def test_other_columns_can_be_watched():
    error = pd.DataFrame({"step": range(1000), "error": np.r_[np.zeros(700), 50, np.zeros(299)]})
    assert thin(error, 10, value="error")["error"].max() == 50


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="points is 4; allowed: 5"):
        thin(table([1.0] * 9), 4)
