"""From runs to JSON: the tables' own numbers, thinned where they are many; a sentence for what cannot be."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from resnet_edu import flow
from resnet_edu.experiment import Experiment
from resnet_edu.flow import FlowError
from resnet_edu.flow.data import CURVE_POINTS, short
from resnet_edu.runs import ComputeConfig, Run, RunError, RunWriter, Shelf, recorded

LAYERS_OF_8 = ["stem.conv", *(f"stages.{i}.0.branch.conv{k}" for i in range(3) for k in (1, 2)), "head"]


class EveryStep(Run):
    """The recorded run as if all 240 steps had been recorded, with numbers of as many digits."""

    def layers(self) -> pd.DataFrame:
        names = list(dict.fromkeys(super().layers()["name"]))
        draws = np.exp(np.random.default_rng(0).normal(-4, 4, (3, 240 * len(names)))).astype(np.float32)
        columns = dict(zip(("gradient", "weight", "update"), draws, strict=True))
        where = {"step": np.repeat(np.arange(240), len(names)), "name": np.tile(names, 240)}
        return pd.DataFrame(where | columns)


@pytest.fixture
def run_of(tmp_path, tiny: Callable[..., Experiment]) -> Callable[..., Run]:
    """`run_of(3)` has three recorded steps and one evaluation."""

    def write(recorded_steps: int, **net: bool) -> Run:
        run = Shelf(tmp_path / "shelf").get_or_create(tiny(**net))
        with RunWriter(run) as writer:
            writer.begin(ComputeConfig("cpu", layers=tuple(LAYERS_OF_8)))
            rows = range(recorded_steps)
            norms = np.array([[i, *([0.5] * 3 * len(LAYERS_OF_8))] for i in rows], np.float32)
            writer.append_norms(norms.reshape(len(rows), 1 + 3 * len(LAYERS_OF_8)))
            evaluation = {"step": 0, "images": 4, "train_error": 90.0, "train_error_batch": 90.0}
            names = [f"stages.{i}.0" for i in range(3)]
            unit_rows = [{"step": 0, "names": names, "gradient": [1.0] * 3, "correlation": [0.5] * 3}]
            steps = [
                {"step": i, "loss": float("nan") if i == 1 else 2.0, "lr": 0.1, "seconds": 1.0} for i in rows
            ]
            more = {"train_loss": 2.0, "test_error": 91.0, "test_loss": 2.0}
            writer.append(steps, [evaluation | more] * (recorded_steps > 0), unit_rows * (recorded_steps > 0))
            writer.finish(1.0)
        return run

    return write


def test_every_number_is_the_tables(twins, data):
    for run, net in zip(twins, data["nets"], strict=True):
        layers = run.layers()
        table = net["layer_table"]
        assert table["steps"] == sorted(layers["step"].unique())
        shape = (len(table["steps"]), len(net["layers"]))
        wide = layers["gradient"].to_numpy(float).reshape(shape)
        np.testing.assert_allclose(np.array(table["gradient"], float), wide, rtol=5e-6)
        ratio = (layers["update"].to_numpy(float) / layers["weight"].to_numpy(float)).reshape(shape)
        np.testing.assert_allclose(np.array(table["ratio"], float), ratio, rtol=5e-6)
        units = run.units()
        for column in ("gradient", "correlation"):
            flat = np.array(net["unit_table"][column], float).ravel()
            np.testing.assert_allclose(flat, units[column], rtol=5e-6)
        assert net["evals"]["train_error"] == pytest.approx(list(run.evals()["train_error"]), rel=5e-6)
        assert net["loss"]["loss"] == pytest.approx(list(run.steps()["loss"]), rel=5e-6)


def test_plain_is_first_and_names_match_the_net(twins, data):
    backwards = flow.flow_data(*reversed(twins))
    assert [net["kind"] for net in backwards["nets"]] == ["plain", "residual"]
    net = data["nets"][1]
    units = [block for block in net["blocks"] if block["kind"] == "unit"]
    assert len(units) == 27
    assert sum(len(block["layers"]) for block in net["blocks"]) == len(net["layers"]) == 56
    assert units[9]["shape"] == [16, 4, 4]
    assert net["layers"][1]["text"].startswith("3×3 convolution")
    assert all(block["shortcut"] for block in units)


def test_every_step_of_56_layer_twins_fits_a_megabyte(twins):
    found = flow.flow_data(*(EveryStep(run.path) for run in twins))
    assert [len(net["layer_table"]["steps"]) for net in found["nets"]] == [240, 240]
    assert not found["note"]
    assert len(flow.page(found).encode()) < 1_000_000


def test_many_rows_are_thinned_and_it_says_so(twins, monkeypatch):
    monkeypatch.setattr("resnet_edu.flow.data.VALUES", 4 * 56 * 50)
    found = flow.flow_data(*(EveryStep(run.path) for run in twins))
    steps = found["nets"][0]["layer_table"]["steps"]
    assert (len(steps), steps[0], steps[-1]) == (50, 0, 239)
    assert found["note"] == "50 of the recorded steps are drawn."


def test_a_spike_survives_the_thinning_of_a_long_curve(twins, monkeypatch):
    loss = np.ones(10_000)
    loss[4321] = 99.0
    table = pd.DataFrame({"step": np.arange(10_000), "loss": loss})
    monkeypatch.setattr(Run, "steps", lambda self: table)
    curve = flow.flow_data(twins[0])["nets"][0]["loss"]
    assert len(curve["steps"]) <= CURVE_POINTS + 3
    assert max(curve["loss"]) == 99
    assert curve["steps"][curve["loss"].index(99)] == 4321


def test_what_is_not_finite_is_null(run_of):
    found = flow.flow_data(run_of(3))
    assert found["nets"][0]["loss"]["loss"] == [2, None, 2]
    json.dumps(found, allow_nan=False)
    assert [short(value) for value in (0.1234567, 1e-12, 3.0, float("inf"))] == [0.123457, 1e-12, 3, None]


def test_an_empty_run_and_one_of_one_step_give_a_sentence(run_of):
    with pytest.raises(FlowError, match=r"resnet-8-digits-s0-\w+ has no recorded steps"):
        flow.flow_data(run_of(0))
    with pytest.raises(FlowError, match=r"plain-8-digits-s0-\w+ has one recorded step only"):
        flow.flow_data(run_of(1, plain=True))


@pytest.mark.parametrize("damage", ["experiment.json", "layers.f32", "how.json", "blocks.jsonl"])
def test_a_damaged_run_gives_a_sentence_with_its_name(run_of, damage):
    run = run_of(3)
    text = {
        "experiment.json": "{",
        "layers.f32": "x",
        "how.json": json.dumps({"layers": ["nothing.conv"] * len(LAYERS_OF_8)}),
        "blocks.jsonl": '{"step": 0, "names": ["stages.0.0"], "gradient": [1.0], "correlation": [1.0]}\n',
    }
    (run.path / damage).write_text(text[damage])
    with pytest.raises(FlowError, match=run.name) as caught:
        flow.flow_data(Run(run.path))
    assert "\n" not in str(caught.value)


def test_a_run_is_found_by_part_of_its_name_and_its_twin_beside_it(run_of, tmp_path):
    run, twin = flow.find_twins("resnet-56-digits-s1")
    assert (run.name[:19], twin.name[:18]) == ("resnet-56-digits-s1", "plain-56-digits-s1")
    assert run.path.parent == recorded().path
    own = run_of(3)
    shelf = Shelf(own.path.parent)
    assert flow.find_run("resnet-8-digits-s0", shelf).path == own.path
    assert flow.find_twins(own.name, shelf=shelf)[1] is None
    beside = run_of(3, plain=True)
    assert flow.find_twins(own.name, shelf=shelf)[1].path == beside.path
    with pytest.raises(RunError, match="could be"):
        flow.find_run("resnet-56-digits")
    with pytest.raises(RunError, match="neither in"):
        flow.find_run("resnet-57")


def test_a_fresh_pair_is_a_picture_of_one_step(data):
    net = data["nets"][0]
    profile = {
        **{name: net[name] for name in ("label", "kind", "depth", "blocks", "layers")},
        "weight_gradient": net["layer_table"]["gradient"][0],
        "activation_gradient": net["unit_table"]["gradient"][0],
        "correlation": net["unit_table"]["correlation"][0],
    }
    found = flow.fresh_data(profile, profile)
    assert found["steps"] == 0
    assert found["nets"][1]["layer_table"]["gradient"] == [net["layer_table"]["gradient"][0]]


def test_the_desk_draws_without_torch_and_without_streamlit():
    code = (
        "import sys; from resnet_edu import flow;"
        "flow.page(flow.flow_data(*flow.find_twins('plain-8-digits-s0')))"
        "; assert not {'torch', 'streamlit', 'anywidget', 'plotly'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
