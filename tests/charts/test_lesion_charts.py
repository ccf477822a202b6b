import numpy as np
import pandas as pd
import pytest

from resnet_edu.charts import error_by_lesions, error_by_order, lesion_errors

SWEEP = pd.DataFrame(
    {
        "unit": [0, 1, 2],
        "name": ["stages.0.0", "stages.1.0", "stages.2.0"],
        "stage": [0, 1, 2],
        "changes_size": [False, True, True],
        "error": [80.0, 60.0, 70.0],
        "loss": [2.0, 1.5, 1.75],
    }
)
TWINS = {"plain 8": SWEEP, "residual 8": SWEEP.assign(error=[10.0, 5.0, 1.0])}
INTACT = {"plain 8": 2.0, "residual 8": 0.5}
COUNTS = pd.DataFrame({"count": [0, 0, 2, 2], "draw": [0, 1, 0, 1], "error": [1.0, 1.0, 40.0, 60.0]})
ORDERS = pd.DataFrame({"swaps": [0, 2], "draw": [0, 0], "tau": [1.0, 0.8], "error": [1.0, 30.0]})


def trace(fig, name):
    (found,) = [trace for trace in fig.data if trace.name == name]
    return found


def test_a_dot_is_the_error_without_a_unit_in_the_net_s_look():
    fig = lesion_errors(TWINS, INTACT, chance=90)
    plain, residual = trace(fig, "plain 8 (intact 2.0 %)"), trace(fig, "residual 8 (intact 0.5 %)")
    assert list(plain.x) == [1, 2, 3]
    assert list(plain.y) == [80, 60, 70]
    assert list(residual.y) == [10, 5, 1]
    assert (plain.line.color, plain.line.dash, plain.marker.symbol) == ("#D55E00", "dash", "diamond")
    assert (residual.line.color, residual.line.dash, residual.marker.symbol) == ("#0072B2", "solid", "circle")
    assert plain.customdata.tolist() == [
        ["stage 1, unit 1 (stages.0.0)", 2.0],
        ["stage 2, unit 1 (stages.1.0)", 1.5],
        ["stage 3, unit 1 (stages.2.0)", 1.75],
    ]
    assert fig.layout.yaxis.title.text == "error without this unit (%)"
    assert fig.layout.xaxis.title.text == "deleted unit (dotted: it changes the size)"


def test_lines_mark_where_the_size_changes_intact_errors_and_chance():
    fig = lesion_errors(TWINS, INTACT, chance=90)
    upright = [shape.x0 for shape in fig.layout.shapes if shape.x0 == shape.x1]
    level = {shape.y0: shape.line.dash for shape in fig.layout.shapes if shape.y0 == shape.y1}
    assert upright == [2, 3]
    assert level == {2.0: "dash", 0.5: "solid", 90: "dot"}
    assert [note.text for note in fig.layout.annotations] == ["chance 90 %"]


def test_a_line_is_the_mean_over_draws_and_the_band_one_sd():
    fig = error_by_lesions({"residual 8": COUNTS})
    line = next(each for each in fig.data if each.name == "residual 8" and each.line.width == 3)
    band = next(each for each in fig.data if each.fill == "toself")
    draws = next(each for each in fig.data if each.mode == "markers")
    assert list(line.y) == [1, 50]
    sd = np.std([40, 60], ddof=1)
    assert sorted(band.y) == pytest.approx([1, 1, 50 - sd, 50 + sd])
    assert list(draws.y) == [1, 1, 40, 60]
    assert fig.layout.xaxis.title.text == "deleted units, chosen at random"


def test_one_draw_has_no_band_s_width_and_bands_stay_between_0_and_100():
    fig = error_by_lesions({"plain 8": COUNTS[COUNTS["draw"] == 0]})
    assert sorted(next(each for each in fig.data if each.fill == "toself").y) == [1, 1, 40, 40]
    wide = error_by_lesions({"plain 8": COUNTS.assign(error=[0.0, 8.0, 100.0, 92.0])})
    band = next(each for each in wide.data if each.fill == "toself")
    assert min(band.y) == 0
    assert max(band.y) == 100


def test_orders_stand_by_their_distance_from_the_trained_one():
    fig = error_by_order({"residual 8": ORDERS, "plain 8": ORDERS.assign(error=[2.0, 90.0])})
    assert list(trace(fig, "plain 8").x) == [1.0, 0.8]
    left, right = fig.layout.xaxis.range
    assert left > 1 > 0.8 > right


@pytest.mark.parametrize("template", ["light", "dark"])
def test_nothing_measured_says_so_on_either_page(template):
    for fig in (
        lesion_errors({}, {}, template=template),
        error_by_lesions({"plain 8": COUNTS[:0]}, template=template),
        error_by_order({}, template=template),
    ):
        assert fig.layout.annotations[0].text == "no lesions measured yet"


def test_a_damaged_template_is_refused():
    with pytest.raises(ValueError, match="template is 'sepia'; allowed: light, dark"):
        lesion_errors(TWINS, INTACT, template="sepia")
