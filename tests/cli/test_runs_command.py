"""`resnet-edu runs`: what is there, and what can be done with it."""

import io

import pandas as pd
import pytest

from resnet_edu.runs import RunWriter, Shelf, files, recorded


@pytest.fixture
def two(train):
    train()
    train("--lr=0.02", "--seed=3")
    return sorted(Shelf().runs(), key=lambda run: run.experiment.seed)


def test_an_empty_shelf_says_what_makes_runs(command):
    said = command("runs")
    assert said.code == 0
    assert said.out == f"No runs in {Shelf().path} yet. `resnet-edu demo` makes some in a minute.\n"


@pytest.mark.parametrize(
    "words", [("runs",), ("runs", "list"), ("runs", "--shelf=SHELF"), ("runs", "--shelf", "SHELF")]
)
def test_list_shows_state_and_errors(command, two, words):
    said = command(*(word.replace("SHELF", str(Shelf().path)) for word in words))
    assert said.code == 0
    for run in two:
        (line,) = (line for line in said.out.splitlines() if run.name in line)
        error = run.evals()["train_error"].iloc[-1]
        assert line.split()[:3] == [run.name, "done", "4/4"]
        assert f"{error:.2f} %" in line


def test_list_shows_a_damaged_run_among_the_others(command, two):
    (two[0].path / files.EXPERIMENT).write_text("{")
    said = command("runs")
    assert said.code == 0
    assert f"{two[0].name}  damaged" in said.out
    assert f"{two[1].name}  done" in said.out


@pytest.mark.parametrize("name", ["evals.jsonl", "status.json", "experiment.json"])
def test_one_damaged_run_hides_no_other(command, two, tmp_path, name):
    broken, whole = two
    (broken.path / name).write_text('{"step":0}\n{"step":0}\n')
    for words in (("runs",), ("runs", "compare", broken.name, whole.name)):
        said = command(*words)
        assert said.code == 0
        (row,) = (line for line in said.out.splitlines() if line.startswith(broken.name))
        assert row.split()[1] == "damaged"
        (row,) = (line for line in said.out.splitlines() if line.startswith(whole.name))
        assert row.split()[1] == "done"
        assert f"damaged {broken.path / name}" in said.out
    said = command("runs", "show", broken.name)
    assert (said.code, said.error.count("\n")) == (2, 1)
    assert str(broken.path / name) in said.error


def test_export_writes_nothing_of_a_damaged_run(command, two, tmp_path):
    broken, whole = two
    lines = (broken.path / "evals.jsonl").read_text().splitlines()
    (broken.path / "evals.jsonl").write_text("\n".join([lines[0][:-1], *lines[1:]]) + "\n")
    said = command("runs", "export", broken.name, whole.name, "--to", tmp_path / "out")
    assert said.code == 2
    assert f"{broken.path / 'evals.jsonl'}, line 1 is damaged" in said.error
    assert {path.name.rpartition("-")[0] for path in (tmp_path / "out").iterdir()} == {whole.name}


def test_the_runs_that_ship_with_the_package(command):
    said = command("runs", "--recorded")
    assert said.code == 0
    assert all(run.name in said.out for run in recorded().runs())


def test_show_tells_settings_how_and_evaluations(command, two):
    said = command("runs", "show", "s3")
    assert said.code == 0
    assert said.out.startswith(f"{two[1].name}  done, step 4 of 4")
    for word in ("recipe.lr", "0.02", "seed", "precision", "float32", "threads", "train_error_batch"):
        assert word in said.out
    assert "stem.conv" not in said.out, "the layers' names are left out"


def test_compare_shows_what_differs_and_nothing_else(command, two):
    said = command("runs", "compare", *(run.name for run in two))
    assert said.code == 0
    head, first, second = said.out.splitlines()
    assert head.split()[-2:] == ["recipe.lr", "seed"]
    assert first.split()[-2:] == ["default", "default"]
    assert second.split()[-2:] == ["0.02", "3"]
    assert "net.width" not in head


def test_compare_one_run(command, two):
    said = command("runs", "compare", two[0].name, two[0].name)
    assert said.code == 0
    assert len(said.out.splitlines()) == 2


def test_compare_runs_with_all_defaults(command):
    from resnet_edu.experiment import Experiment

    run = Shelf().get_or_create(Experiment())
    said = command("runs", "compare", run.name)
    assert said.code == 0
    assert run.name in said.out
    assert command("runs", "show", run.name).code == 0


def test_remove_asks_first(command, two, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    said = command("runs", "remove", "s3")
    assert said.code == 1
    assert "Remove 1 from" in said.out
    assert "Nothing was removed." in said.out
    assert len(Shelf().runs()) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert command("runs", "remove", "s3").code == 0
    assert [run.name for run in Shelf().runs()] == [two[0].name]


def test_nobody_there_to_ask(command, two, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command("runs", "remove", "s3").code == 1
    assert len(Shelf().runs()) == 2


def test_remove_without_asking_and_each_once(command, two):
    said = command("runs", "remove", two[0].name, two[1].name, two[0].name, "--yes")
    assert (said.code, said.error) == (0, "")
    assert Shelf().runs() == []


def test_what_is_being_trained_is_not_removed(command, two):
    with RunWriter(two[0]):
        said = command("runs", "remove", two[0].name, "--yes")
    assert said.code == 2
    assert said.error == f"resnet-edu: {two[0].name} is being trained; stop it first\n"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_export_writes_tables(command, two, tmp_path, form):
    said = command("runs", "export", "s3", "--to", tmp_path / "out", "--format", form)
    assert said.code == 0
    assert said.out.split() == [
        str(tmp_path / "out" / f"{two[1].name}-{table}.{form}")
        for table in ("steps", "evals", "layers", "blocks")
    ]
    read = pd.read_csv if form == "csv" else pd.read_parquet
    assert read(said.out.split()[0])["loss"].tolist() == two[1].steps()["loss"].tolist()


def test_export_into_a_file(command, two, tmp_path):
    (tmp_path / "file").touch()
    said = command("runs", "export", "s3", "--to", tmp_path / "file")
    assert said.code == 2
    assert said.error.startswith("resnet-edu: [Errno 17] File exists:")


def test_pack_makes_small_runs_of_committed_source(command, two, tmp_path):
    files.write_json(two[1].path / files.HOW, two[1].compute.to_dict() | {"commit": "0123456789ab+"})
    said = command("runs", "pack", two[0].name, "--into", tmp_path / "small", "--weights", "last")
    assert said.code == 0
    assert said.out.strip() == str(tmp_path / "small" / two[0].name)
    assert Shelf(tmp_path / "small").runs()[0].weight_steps() == [4]
    said = command("runs", "pack", two[1].name, "--into", tmp_path / "small")
    assert said.code == 2
    assert "uncommitted source" in said.error
