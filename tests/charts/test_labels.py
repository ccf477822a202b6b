import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_edu.charts.labels import decades, layer_ticks, spread, whole_numbers


@given(st.lists(st.floats(0, 10), max_size=8))
def test_labels_are_apart_in_order_and_below_the_top(at):
    places = spread(at, 0.5, 10)
    ranked = np.array(places)[np.argsort(at, kind="stable")]
    assert (np.diff(ranked) >= 0.5 - 1e-9).all()
    assert all(place <= 10 for place in places)


def test_labels_with_room_stay_where_they_are():
    assert spread([4.0, 1.0, 2.5], 0.5, 10) == [4.0, 1.0, 2.5]


@given(st.floats(-40, 30), st.floats(0.4, 60))
def test_ticks_lie_inside_and_are_few(low, span):
    exponents, names = decades(low, low + span)
    assert 1 <= len(exponents) == len(names) <= 9
    assert all(low - 1e-9 <= exponent <= low + span + 1e-9 for exponent in exponents)


def test_ticks_are_powers_of_ten_where_there_are_two():
    assert decades(-3.2, 1.1) == ([-3, -2, -1, 0, 1], [f"10<sup>{n}</sup>" for n in ("−3", "−2", "−1", 0, 1)])
    assert decades(-0.9, -0.1)[1] == ["0.2", "0.5"]
    assert decades(-0.9, -0.1)[0] == pytest.approx([math.log10(0.2), math.log10(0.5)])


def test_layer_ticks_say_which_side_is_which():
    assert layer_ticks(56) == ([1, 10, 20, 30, 40, 56], ["input 1", "10", "20", "30", "40", "output 56"])
    assert layer_ticks(8)[0] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert layer_ticks(1) == ([1], ["input 1"])
    assert all(len(layer_ticks(depth)[0]) <= 9 for depth in (20, 110, 1202))


def test_counts_get_whole_ticks():
    assert whole_numbers(2) == {"dtick": 1}
    assert whole_numbers(240) == {"nticks": 6}


@pytest.mark.parametrize(("low", "high"), [(0.9, 2.1), (1.05, 1.95), (4.1, 5.9), (8.05, 8.95), (0.55, 1.4)])
def test_a_narrow_log_axis_has_two_ticks_or_more(low, high):
    ticks, names = decades(np.log10(low), np.log10(high))
    assert 2 <= len(ticks) <= 7
    assert len(set(names)) == len(names)
    assert all(low <= 10**tick <= high for tick in ticks)
