import numpy as np
import pandas as pd
import pytest

from resnet_edu.charts import loss_curves, style


def curve(net, depth, seed, losses, steps=None):
    steps = range(len(losses)) if steps is None else steps
    return pd.DataFrame({"net": net, "depth": depth, "seed": seed, "step": steps, "loss": losses})


def twins(depths=(8, 56), seeds=3, steps=40):
    falling = np.geomspace(2.3, 0.1, steps)
    return pd.concat(
        curve(net, depth, seed, falling * (1 + 0.1 * seed) + depth / 100)
        for net in ("plain", "residual")
        for depth in depths
        for seed in range(seeds)
    )


def trace(fig, name):
    (found,) = [trace for trace in fig.data if trace.name == name]
    return found


@pytest.mark.parametrize("template", ["light", "dark"])
def test_plain_is_dashed_vermillion_and_residual_solid_blue(template):
    fig = loss_curves(twins(), template=template)
    assert (trace(fig, "plain 56").line.color, trace(fig, "plain 56").line.dash) == ("#D55E00", "dash")
    assert (trace(fig, "residual 56").line.color, trace(fig, "residual 56").line.dash) == ("#0072B2", "solid")
    assert trace(fig, "plain 56").line.width > trace(fig, "plain 8").line.width


def test_axes_have_titles_units_and_type_for_the_last_row():
    fig = loss_curves(twins())
    assert fig.layout.xaxis.title.text == "training step"
    assert fig.layout.yaxis.title.text == "mini-batch loss (nats)"
    axis = fig.layout.template.layout.xaxis
    assert min(axis.tickfont.size, axis.title.font.size, fig.layout.annotations[0].font.size) >= 16


def test_smoothing_is_done_only_when_asked_and_said():
    table = curve("plain", 8, 0, [4.0, 2.0, 0.0, 2.0])
    assert list(trace(loss_curves(table), "plain 8").y) == [4, 2, 0, 2]
    smooth = loss_curves(table, smooth=2)
    assert list(trace(smooth, "plain 8").y) == [4, 3, 1, 1]
    assert "mean of the last 2 recorded steps" in smooth.layout.yaxis.title.text


def test_the_thick_line_is_the_mean_of_the_seeds():
    table = pd.concat([curve("plain", 8, 0, [4.0, 2.0, 1.0]), curve("plain", 8, 1, [2.0, 1.0])])
    mean = trace(loss_curves(table), "plain 8")
    assert list(mean.y) == [3, 1.5, 1]
    assert mean.customdata[:, 0].tolist() == [2, 2, 1]


def test_seeds_thinned_to_different_steps_share_a_mean():
    table = pd.concat(
        [curve("plain", 8, 0, [4.0, 0.0], [0, 4]), curve("plain", 8, 1, [2.0, 2.0, 2.0], [0, 2, 4])]
    )
    assert list(trace(loss_curves(table), "plain 8").y) == [3, 2, 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_diverged_seed_ends_at_a_cross_and_with_it_the_mean(bad):
    table = pd.concat(
        [curve("plain", 8, 0, [3.0, 2.0, bad, 1.0]), curve("plain", 8, 1, [3.0, 2.0, 1.0, 0.5])]
    )
    fig = loss_curves(table)
    assert list(trace(fig, "plain 8").y) == [3, 2]
    cross = trace(fig, "diverged")
    assert (list(cross.x), list(cross.y), list(cross.text)) == ([1], [2], ["plain, 8 layers, seed 0"])


def test_a_log_axis_leaves_out_what_it_cannot_show():
    fig = loss_curves(curve("plain", 8, 0, [1.0, 0.0, 0.01, -1.0, 0.1]), log_y=True)
    assert fig.layout.yaxis.type == "log"
    assert list(trace(fig, "plain 8").y) == [1, 0.01, 0.1]
    assert np.isfinite(fig.layout.yaxis.range).all()


def test_one_huge_loss_does_not_flatten_the_others():
    table = curve("plain", 8, 0, [1.0] * 2000)
    table.loc[5, "loss"] = 1e30
    assert loss_curves(table).layout.yaxis.range[1] < 2


@pytest.mark.parametrize("table", [twins()[:0], curve("plain", 8, 0, [np.nan, np.nan])])
def test_nothing_to_draw_says_so(table):
    fig = loss_curves(table)
    assert len(fig.data) == 0
    assert [note.text for note in fig.layout.annotations] == ["no steps recorded yet"]


def test_five_depths_and_three_seeds_stay_below_twenty_traces():
    fig = loss_curves(twins(depths=(20, 32, 44, 56, 110), steps=1000))
    assert len(fig.data) == 12
    assert max(len(trace.x) for trace in fig.data if trace.name) <= 300
    assert {f"<b>plain {depth}</b>" for depth in (20, 110)} <= {note.text for note in fig.layout.annotations}


def test_labels_do_not_overlap():
    fig = loss_curves(twins(depths=(8, 14, 20, 56)), log_y=True)
    low, high = fig.layout.yaxis.range
    pixels = (480 - 30 - 70) / (high - low)
    places = sorted(note.y - note.ay / pixels for note in fig.layout.annotations)
    assert min(np.diff(places)) * pixels >= 23.9


def test_unknown_templates_are_refused():
    with pytest.raises(ValueError, match="template is 'blue'; allowed: light, dark"):
        loss_curves(twins(), template="blue")
    assert loss_curves(twins(), template="dark").layout.template.layout.font.color == style.ink("dark")
