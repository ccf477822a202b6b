import numpy as np
import pandas as pd
import pytest

from resnet_edu.charts import config, gradient_heatmap, layer_norms, twin_heatmaps

STEPS = (0, 1, 2, 4, 8, 16, 32)


def layers(depth=8, steps=STEPS, gradient=lambda step, layer: 10.0 ** -(layer % 4)):
    rows = [
        (step, layer, f"stage1.unit{layer}", gradient(step, layer), 1.0, 0.1)
        for step in steps
        for layer in range(depth)
    ]
    return pd.DataFrame(rows, columns=["step", "layer", "name", "gradient", "weight", "update"])


def broken(from_step):
    return layers(gradient=lambda step, layer: 0.1 if step < from_step else np.nan)


def notes(fig):
    return [note.text for note in fig.layout.annotations if note.text]


def test_norms_of_twins_at_a_step():
    fig = layer_norms({"plain-8": layers(), "resnet-8": layers()}, step=5)
    plain, residual = fig.data
    assert (plain.line.color, plain.line.dash) == ("#D55E00", "dash")
    assert (residual.line.color, residual.line.dash) == ("#0072B2", "solid")
    assert (plain.name, residual.name) == ("plain-8, step 4", "resnet-8, step 4")
    assert list(plain.x) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert list(plain.y) == pytest.approx([1, 0.1, 0.01, 0.001] * 2)


def test_norms_have_titles_units_and_a_log_axis():
    fig = layer_norms({"plain-8": layers()}, step=0, norm="update")
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("layer", "update norm (L2)")
    assert fig.layout.yaxis.type == "log"
    assert list(fig.layout.xaxis.ticktext)[::7] == ["input 1", "output 8"]


def test_a_step_before_the_first_takes_the_first():
    assert layer_norms({"plain-8": layers(steps=(3, 4))}, step=0).data[0].name == "plain-8, step 3"


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, -np.inf])
def test_norms_that_no_log_axis_shows_are_counted_gaps(bad):
    fig = layer_norms({"plain-8": layers(gradient=lambda step, layer: bad if layer == 3 else 1.0)}, step=0)
    assert np.isnan(fig.data[0].y[3])
    assert fig.data[0].name == "plain-8, step 0 (1 of 8 layers 0 or not finite)"
    all_bad = layer_norms({"plain-8": layers(gradient=lambda step, layer: bad)}, step=0)
    assert all_bad.data[0].name.endswith("(8 of 8 layers 0 or not finite)")


def test_heatmap_columns_stand_at_the_recorded_steps():
    fig = gradient_heatmap(layers(), title="plain-8")
    assert list(fig.data[0].x) == list(STEPS)
    assert list(fig.data[0].y) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert fig.data[0].z[:4, 0] == pytest.approx([0, -1, -2, -3])
    assert list(fig.layout.xaxis.range) == [0, 32]
    assert notes(fig) == ["plain-8"]


def test_heatmap_axes_and_colour_bar_have_titles_units_and_powers_of_ten():
    fig = gradient_heatmap(layers())
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("training step", "layer")
    bar = fig.layout.coloraxis.colorbar
    assert bar.title.text == "gradient norm (L2)"
    assert list(bar.ticktext) == ["10<sup>−3</sup>", "10<sup>−2</sup>", "10<sup>−1</sup>", "10<sup>0</sup>"]
    assert list(fig.layout.yaxis.ticktext)[::7] == ["input 1", "output 8"]
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1]  # the input on top
    assert min(bar.tickfont.size, bar.title.font.size) >= 16


def test_bounds_are_the_tables_or_those_given():
    fig = gradient_heatmap(layers())
    assert (fig.layout.coloraxis.cmin, fig.layout.coloraxis.cmax) == pytest.approx((-3, 0))
    fig = gradient_heatmap(layers(), zmin=-6, zmax=2)
    assert (fig.layout.coloraxis.cmin, fig.layout.coloraxis.cmax) == (-6, 2)
    flat = gradient_heatmap(layers(gradient=lambda step, layer: 0.5)).layout.coloraxis
    assert flat.cmin < np.log10(0.5) < flat.cmax


def test_log_steps_have_a_place_for_the_first_step():
    fig = gradient_heatmap(layers(), log_steps=True)
    assert fig.layout.xaxis.type == "log"
    assert list(fig.data[0].x) == [step + 1 for step in STEPS]
    assert fig.layout.xaxis.title.text == "training step + 1 (log scale)"
    assert list(gradient_heatmap(layers(steps=(1, 2, 4)), log_steps=True).data[0].x) == [1, 2, 4]


def test_long_runs_keep_both_ends_and_few_columns():
    steps = gradient_heatmap(layers(depth=2, steps=range(1000))).data[0].x
    assert (steps[0], steps[-1], len(steps)) == (0, 999, 300)


@pytest.mark.parametrize("log_steps", [False, True])
def test_a_diverged_run_is_marked_where_it_broke(log_steps):
    fig = gradient_heatmap(broken(8), log_steps=log_steps)
    assert "not finite from step 8" in notes(fig)
    assert fig.layout.shapes[0].x0 == 6 + log_steps
    note = next(note for note in fig.layout.annotations if note.text == "not finite from step 8")
    assert note.x == pytest.approx(np.log10(7) if log_steps else 6)
    assert np.isnan(fig.data[0].z[:, 4:]).all()


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_cells_without_a_number_are_gaps(bad):
    fig = gradient_heatmap(layers(gradient=lambda step, layer: bad))
    assert np.isnan(fig.data[0].z).all()
    assert ("not finite from step 0" in notes(fig)) == (bad != 0)
    assert np.isfinite([fig.layout.coloraxis.cmin, fig.layout.coloraxis.cmax]).all()


def test_one_step_makes_a_column():
    fig = gradient_heatmap(layers(steps=(0,)))
    assert list(fig.layout.xaxis.range) == [-0.5, 0.5]


def test_twins_share_one_colour_scale():
    fig = twin_heatmaps(layers(), layers(gradient=lambda step, layer: 1e-6), titles=("plain-8", "resnet-8"))
    assert [trace.coloraxis for trace in fig.data] == ["coloraxis", "coloraxis"]
    assert (fig.layout.coloraxis.cmin, fig.layout.coloraxis.cmax) == pytest.approx((-6, 0))
    assert [(note.text, note.font.color) for note in fig.layout.annotations] == [
        ("plain-8", "#D55E00"),
        ("resnet-8", "#0072B2"),
    ]


def test_empty_tables_say_so():
    empty = layers()[:0]
    assert notes(layer_norms({"plain-8": empty}, step=0)) == ["no steps recorded yet"]
    assert notes(layer_norms({}, step=0)) == ["no steps recorded yet"]
    assert notes(gradient_heatmap(empty)) == ["no steps recorded yet"]
    assert notes(twin_heatmaps(empty, layers())) == ["plain", "residual", "no steps recorded yet"]
    assert notes(twin_heatmaps(empty, empty)).count("no steps recorded yet") == 2


@pytest.mark.parametrize(
    "draw", [lambda norm: layer_norms({}, 0, norm=norm), lambda norm: gradient_heatmap(layers(), norm=norm)]
)
def test_unknown_norms_are_refused(draw):
    with pytest.raises(ValueError, match="norm is 'name'; allowed: gradient, weight, update"):
        draw("name")


def test_figures_send_nothing_anywhere():
    assert config()["showSendToCloud"] is False
    assert config()["displaylogo"] is False
