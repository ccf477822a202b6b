"""What a run tells of itself, from nothing written to all of it."""

import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest

from resnet_edu import runs
from resnet_edu.runs import Run, RunError, RunWriter, files

FLOATS = {"float64", "float32"}


def test_a_run_that_has_not_begun_has_empty_tables(run):
    assert run.compute is None
    assert list(run.steps().columns) == ["step", "loss", "lr", "seconds"]
    assert list(run.layers().columns) == ["step", "layer", "name", "gradient", "weight", "update"]
    assert list(run.units().columns) == ["step", "unit", "name", "gradient", "correlation"]
    assert list(run.evals().columns) == [
        *("step", "images", "train_error", "train_error_batch", "train_loss", "test_error", "test_loss")
    ]
    for table in (run.steps(), run.layers(), run.units(), run.evals()):
        assert table.empty
        assert table["step"].dtype == "int64"
    assert run.weight_steps() == []


def test_the_tables_of_a_finished_run(finished, how):
    assert finished.compute == how
    steps = finished.steps()
    assert steps["step"].tolist() == list(range(10))
    assert steps["loss"].tolist() == [2.5 - i / 7 for i in range(10)]
    evals = finished.evals()
    assert evals["step"].tolist() == [3, 6, 9]
    assert evals["images"].dtype == "int64"
    assert evals["train_error"].tolist() == [87, 84, 81]
    assert finished.units().values.tolist() == [[step, 0, "stages.0.0", step / 9, 0.5] for step in (3, 6, 9)]
    assert runs.load(finished.path).steps().equals(steps)
    assert runs.load(str(finished.path)).name == finished.name == finished.experiment.name
    assert repr(finished) == f"Run({finished.name!r})"


def test_layers_are_numbered_from_the_input(finished):
    layers = finished.layers()
    assert len(layers) == 10 * 2
    row = layers[(layers["step"] == 4) & (layers["layer"] == 1)].iloc[0]
    assert row["name"] == "head"
    assert (row["gradient"], row["weight"], row["update"]) == pytest.approx(
        (40 + 1 / 3, 40 + 3 / 3, 40 + 5 / 3), rel=1e-6
    )
    first = layers[layers["layer"] == 0].iloc[0]
    assert (first["gradient"], first["weight"], first["update"]) == pytest.approx((0, 2 / 3, 4 / 3), rel=1e-6)


def test_what_was_no_number_is_nan(run, how):
    with RunWriter(run) as writer:
        writer.begin(how)
        row = {"step": 0, "loss": math.nan, "lr": 0.1, "seconds": 0.1}
        block = {"step": 0, "names": ["a", "b"], "gradient": [math.inf, 1.0], "correlation": [None, 0.5]}
        writer.append([row, row | {"step": 1, "loss": math.inf}], [], [block])
        writer.append_norms(np.full((1, 7), math.nan, np.float32))
    assert run.steps()["loss"].isna().all()
    assert run.steps()["loss"].dtype == "float64"
    assert '"loss":null' in (run.path / files.STEPS).read_text()
    assert run.units()["gradient"].isna().tolist() == [True, False]
    assert run.units()["correlation"].dtype == "float64"


def test_torn_tails_do_not_show(finished):
    whole = [table().copy() for table in (finished.steps, finished.layers, finished.evals, finished.blocks)]
    for name, tail in (
        (files.STEPS, b'{"step":10,"lo'),
        (files.EVALS, bytes(99)),
        (files.BLOCKS, b'{"step":'),
        (files.LAYERS, bytes(27)),
    ):
        with (finished.path / name).open("ab") as file:
            file.write(tail)
    for table, before in zip(
        (finished.steps, finished.layers, finished.evals, finished.blocks), whole, strict=True
    ):
        pd.testing.assert_frame_equal(table(), before)


def test_weights_by_step(finished):
    assert finished.weight_steps() == [3, 6, 9]
    assert finished.weights()["weight"].tolist() == np.full((2, 2), 3, np.float32).tolist()
    assert finished.weights(6)["seen"] == 6
    (finished.path / "weights" / ".hidden-000007.safetensors").touch()
    assert finished.weight_steps() == [3, 6, 9]


@pytest.mark.parametrize("step", [0, 4, 10])
def test_weights_that_were_not_kept(finished, step):
    with pytest.raises(RunError, match=rf"kept no weights at step {step}; kept: \[3, 6, 9\]"):
        finished.weights(step)


def test_no_weights_at_all(run):
    with pytest.raises(RunError, match="kept no weights at step None; kept: none"):
        run.weights()


@pytest.mark.parametrize("content", [b"", b"rubbish", bytes(4000), None])
def test_damaged_weights_are_named(finished, content):
    path = finished.path / "weights" / "000009.safetensors"
    path.write_bytes(path.read_bytes()[:-3] if content is None else content)
    with pytest.raises(RunError) as caught:
        finished.weights()
    assert str(caught.value).startswith(f"{path} is damaged (")
    assert finished.weights(6)["seen"] == 6


def test_damaged_parquet_is_named(finished):
    path = finished.path / "steps.parquet"
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(RunError) as caught:
        finished.steps()
    assert str(caught.value).startswith(f"{path} is damaged (")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is damaged (Expecting property name"),
        ("[]", "must hold a JSON object"),
        ('{"schema": 1, "sed": 3}', ": sed is not known; known here: net, data, recipe, seed"),
        ('{"schema": 1, "seed": -3}', ": seed is -3; allowed: 0 … 4294967295"),
        ('{"schema": 2}', ": an experiment is an object with schema 1"),
    ],
)
def test_a_damaged_experiment_is_named(run, content, message):
    path = run.path / files.EXPERIMENT
    path.write_text(content)
    with pytest.raises(RunError) as caught:
        _ = Run(run.path).experiment
    assert str(caught.value).startswith(f"{path}{'' if message[0] == ':' else ' '}{message}")


@pytest.mark.parametrize("name", [files.HOW, files.STATUS])
def test_other_damaged_files_are_named(finished, name):
    (finished.path / name).write_text('{"state": ')
    with pytest.raises(RunError) as caught:
        finished.compute if name == files.HOW else finished.status()
    assert str(caught.value).startswith(f"{finished.path / name} is damaged (")


def test_a_folder_without_an_experiment_is_no_run(tmp_path):
    with pytest.raises(RunError, match=r"is no run: it has no experiment\.json"):
        Run(tmp_path)
    with pytest.raises(RunError, match="is no run"):
        Run(tmp_path / "nowhere")


def test_a_growing_run_shows_its_newest_rows(run, how, write):
    with RunWriter(run) as writer:
        writer.begin(how)
        for end in (3, 7):
            write(writer, 0 if end == 3 else 3, end)
            assert run.steps()["step"].tolist() == list(range(end))
            assert run.layers()["step"].max() == end - 1
            assert run.status().step == end


def test_the_files_are_what_the_table_of_files_says(finished):
    assert json.loads((finished.path / "experiment.json").read_text())["schema"] == 1
    assert {path.name for path in finished.path.iterdir()} == {
        *("experiment.json", "how.json", "status.json", "lock", "weights", "checksums.json"),
        *("steps.jsonl", "evals.jsonl", "blocks.jsonl", "layers.f32"),
    }
    assert (finished.path / "layers.f32").stat().st_size == 10 * 7 * 4


def test_runs_of_one_folder_are_equal_whenever_they_were_made(finished, tmp_path, monkeypatch):
    again = Run(finished.path)
    assert again == finished
    assert hash(again) == hash(finished)
    assert {finished: "seen"}[again] == "seen"
    assert [finished].index(again) == 0
    monkeypatch.chdir(finished.path.parent)
    assert Run(finished.name) == Run(f"../{finished.path.parent.name}/{finished.name}") == finished
    assert finished != finished.path
    assert finished != finished.name


def test_a_copy_of_a_run_is_another_run(finished, tmp_path):
    copied = shutil.copytree(finished.path, tmp_path / "copies" / finished.name)
    assert Run(copied) != finished
    assert len({Run(copied), finished, Run(finished.path)}) == 2
