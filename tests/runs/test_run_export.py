"""Tables for other programs, and runs made small enough to ship."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from resnet_edu.runs import Run, RunError, RunWriter, export, files, pack
from resnet_edu.runs.export import _thinned

TABLES = ("steps", "evals", "layers", "blocks")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_exported_tables_come_back(finished, tmp_path, form):
    written = export(finished, tmp_path / "deep" / "out", form)
    assert [path.name for path in written] == [f"{finished.name}-{table}.{form}" for table in TABLES]
    for path, table in zip(written, TABLES, strict=True):
        read = pd.read_csv(path) if form == "csv" else pd.read_parquet(path)
        assert_frame_equal(read, getattr(finished, table)(), check_dtype=form == "parquet", rtol=1e-6)


def test_csv_keeps_every_digit(finished, tmp_path):
    steps = pd.read_csv(export(finished, tmp_path)[0])
    assert steps["loss"].tolist() == finished.steps()["loss"].tolist()


def test_a_run_that_has_not_begun_exports_empty_tables(run, tmp_path):
    for path in export(run, tmp_path):
        assert pd.read_csv(path).empty


def test_an_unknown_format_is_named(finished, tmp_path):
    with pytest.raises(RunError, match=r"^format is 'xlsx'; allowed: csv, parquet$"):
        export(finished, tmp_path, "xlsx")


def test_a_packed_run_tells_the_same_within_float32(finished, tmp_path):
    packed = pack(finished, tmp_path / "recorded", weights="all")
    assert packed.name == finished.name
    assert packed.experiment == finished.experiment
    assert packed.compute == finished.compute
    assert packed.status() == finished.status()
    for table in TABLES:
        small, whole = getattr(packed, table)(), getattr(finished, table)()
        assert small["step"].dtype == "int32"
        assert {str(kind) for kind in small.select_dtypes("float").dtypes} <= {"float32"}
        expected = whole.astype(dict.fromkeys(whole.select_dtypes("float").columns, "float32"))
        assert_frame_equal(small, expected.astype({"step": "int32"}), check_exact=True)


def test_packed_weights_have_half_precision(finished, tmp_path):
    packed = pack(finished, tmp_path, weights="all")
    assert packed.weight_steps() == finished.weight_steps() == [3, 6, 9]
    for step in packed.weight_steps():
        small, whole = packed.weights(step), finished.weights(step)
        assert small["weight"].dtype == np.float16
        assert small["running_var"].dtype == np.float32
        assert np.array_equal(small["running_var"], whole["running_var"])
        assert np.array_equal(small["weight"], whole["weight"].astype(np.float16))
        assert small["seen"].dtype == whole["seen"].dtype == np.int64
        assert small["seen"] == whole["seen"]


def test_the_last_weights_alone(finished, tmp_path):
    assert pack(finished, tmp_path, weights="last").weight_steps() == [9]


def test_weights_that_do_not_fit_are_not_packed_and_leave_nothing(finished, tmp_path):
    with RunWriter(finished) as writer:
        writer.keep_weights(6, {"head.weight": np.full(2, 1e5, np.float32)})
    with pytest.raises(RunError, match=r"^head\.weight does not fit half precision$"):
        pack(finished, tmp_path, weights="all")
    assert list(tmp_path.glob(finished.name)) == []
    assert pack(finished, tmp_path, weights="last").weight_steps() == [9]


def test_so_many_weights_are_the_last_and_evenly_spaced_ones_before(tmp_path):
    kept = [16, 43, 115, 309, 829, 2223, 5964, 16000]
    assert _thinned(kept, "4") == [43, 309, 2223, 16000]
    assert _thinned(kept, "2") == [309, 16000]
    assert _thinned(kept, "3")[-1] == 16000
    assert _thinned(kept, "0") == _thinned([], "3") == []
    assert _thinned(kept, "99") == kept


@pytest.mark.parametrize("weights", ["some", "-1", "1.5", "²", ""])
def test_how_many_weights_is_told_in_words(finished, tmp_path, weights):
    with pytest.raises(RunError, match=f"^weights is {weights!r}; allowed: none, last, all, or how many$"):
        pack(finished, tmp_path, weights=weights)


def test_weights_are_left_out_on_request(finished, tmp_path):
    packed = pack(finished, tmp_path, weights="none")
    assert packed.weight_steps() == []
    assert {path.name for path in packed.path.iterdir()} == {
        *(files.EXPERIMENT, files.HOW, files.STATUS),
        *(f"{table}.parquet" for table in TABLES),
    }


def test_a_packed_run_has_no_attempt_in_its_name(finished, shelf, how, tmp_path):
    again = shelf.get_or_create(finished.experiment, again=True)
    with RunWriter(again) as writer:
        writer.begin(how)
        writer.finish(1.0)
    assert again.name.endswith("~2")
    assert pack(again, tmp_path, weights="all").name == finished.name


def test_a_packed_run_can_be_exported_and_packed_again(finished, tmp_path):
    packed = pack(finished, tmp_path / "a", weights="none")
    export(packed, tmp_path)
    assert_frame_equal(pack(packed, tmp_path / "b", weights="none").layers(), packed.layers())


@pytest.mark.parametrize("state", ["queued", "stopped", "failed"])
def test_only_runs_that_have_ended_are_packed(run, how, tmp_path, state):
    with RunWriter(run) as writer:
        writer.begin(how)
        writer.status(state, 3, 1.0)
    with pytest.raises(RunError, match=f"^{run.name} is {state}; only runs that have ended are packed$"):
        pack(run, tmp_path, weights="none")


@pytest.mark.parametrize("commit", ["0123456789ab+", None, ""])
def test_runs_of_changed_source_are_not_packed(finished, tmp_path, commit):
    files.write_json(finished.path / files.HOW, finished.compute.to_dict() | {"commit": commit})
    with pytest.raises(RunError, match="was trained from uncommitted source; commit, train again, then pack"):
        pack(finished, tmp_path, weights="none")


def test_nothing_is_packed_over_another_run(finished, tmp_path):
    pack(finished, tmp_path, weights="none")
    with pytest.raises(RunError, match="exists; remove it first to replace it"):
        pack(finished, tmp_path, weights="all")


def test_a_diverged_run_is_packed_too(run, how, tmp_path):
    with RunWriter(run) as writer:
        writer.begin(how)
        writer.append([{"step": 0, "loss": float("nan"), "lr": 0.1, "seconds": 0.1}], [], [])
        writer.status("diverged", 0, 0.1, "diverged at step 0")
    packed = pack(run, tmp_path, weights="all")
    assert packed.status().message == "diverged at step 0"
    assert packed.steps()["loss"].isna().all()
    assert Run(packed.path).evals().empty
