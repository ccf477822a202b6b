import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from resnet_edu.studies.intervals import interval

errors = st.lists(st.floats(0, 100), min_size=2, max_size=11)


@given(errors)
def test_bounds_are_students(values):
    bounds = interval(values)
    sd = statistics.stdev(values)
    margin = t.ppf(0.95, len(values) - 1) * sd / math.sqrt(len(values))
    assert (bounds.n, bounds.sd) == (len(values), pytest.approx(sd, abs=1e-9))
    assert bounds.mean == pytest.approx(statistics.fmean(values))
    assert bounds.low == pytest.approx(bounds.mean - margin, abs=0.02)
    assert bounds.high == pytest.approx(bounds.mean + margin, abs=0.02)


def test_many_values_get_bounds_that_are_a_little_too_wide():
    values = list(range(40))
    margin = t.ppf(0.95, 39) * statistics.stdev(values) / math.sqrt(40)
    assert margin < interval(values).high - interval(values).mean < 1.1 * margin


def test_too_few_values_have_no_spread():
    assert interval([]).n == 0
    assert math.isnan(interval([]).mean)
    assert interval([5.0]).mean == 5.0
    assert math.isnan(interval([5.0]).low)
