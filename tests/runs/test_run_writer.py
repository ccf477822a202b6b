"""One writer at a time, and what a resumed run keeps."""

import json
import subprocess
import sys

import numpy as np
import pytest
from filelock import FileLock
from safetensors.numpy import save

from resnet_edu.runs import Run, RunBusy, RunError, RunWriter, files

HOLD = """
import sys, time
from resnet_edu.runs import Run, RunWriter
with RunWriter(Run(sys.argv[1])) as writer:
    writer.status("running", 2, 0.5)
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused(run, how):
    with RunWriter(run) as first:
        first.begin(how)
        with (
            pytest.raises(RunBusy, match=f"^{run.name} is being written by another process$"),
            RunWriter(run),
        ):
            pass
    with RunWriter(run) as second:
        second.status("running", 1, 0.1)


def test_a_writer_gives_way_when_it_breaks(run):
    with pytest.raises(ZeroDivisionError), RunWriter(run):
        _ = 1 / 0
    assert not run.busy()


def test_a_writer_in_another_process_holds_the_run_until_it_is_killed(run):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"held\n"
        assert run.busy()
        assert run.status().state == "running"
        with pytest.raises(RunBusy), RunWriter(run):
            pass
    finally:
        other.kill()
        other.communicate()
    assert not run.busy()
    assert run.status().state == "interrupted"
    with RunWriter(run):
        assert run.busy()


def test_readers_do_not_hide_a_run_from_each_other(run, monkeypatch):
    """A reader holds the lock for an instant; nobody may take that for a writer."""

    class HeldByAReader(FileLock):
        """Taken at the first try, free at the second."""

        def _acquire(self):
            tries.append(1)
            if len(tries) > 1:
                super()._acquire()

    monkeypatch.setattr("resnet_edu.runs.run.FileLock", HeldByAReader)
    seen = []
    for _ in range(5):  # on a busy core an instant can be long
        tries = []
        seen.append(run.busy())
    assert False in seen


def test_a_fresh_start_has_no_checkpoint(run, how):
    with RunWriter(run) as writer:
        assert writer.begin(how) is None
    assert run.compute == how


@pytest.fixture
def stopped(run, how, write):
    """Written up to step 10, with the last checkpoint after step 6."""
    with RunWriter(run) as writer:
        writer.begin(how)
        write(writer, 0, 6)
        writer.checkpoint(
            {"net.weight": np.arange(4.0), "momentum.weight": np.ones((2, 1))}, step=6, seconds=1.5
        )
        write(writer, 6, 10)
    return run


def test_resuming_gives_the_checkpoint_back(stopped, how):
    with RunWriter(stopped) as writer:
        tensors, step, seconds = writer.begin(how)
    assert (step, seconds) == (6, 1.5)
    assert set(tensors) == {"net.weight", "momentum.weight"}
    assert np.array_equal(tensors["net.weight"], np.arange(4.0))
    assert tensors["net.weight"].dtype == np.float64


def test_resuming_drops_what_came_after_the_checkpoint(stopped, how, write):
    whole = [stopped.steps(), stopped.layers(), stopped.evals(), stopped.units()]
    for name in (files.STEPS, files.LAYERS, files.EVALS):
        with (stopped.path / name).open("ab") as file:
            file.write(b'{"st')
    with RunWriter(stopped) as writer:
        writer.begin(how)
        assert stopped.steps()["step"].tolist() == list(range(6))
        assert stopped.layers()["step"].unique().tolist() == list(range(6))
        assert stopped.evals()["step"].tolist() == [3, 6]
        assert stopped.units()["step"].tolist() == [3, 6]
        assert stopped.weight_steps() == [3, 6]
        write(writer, 6, 10)
    again = [stopped.steps(), stopped.layers(), stopped.evals(), stopped.units()]
    assert all(one.equals(other) for one, other in zip(whole, again, strict=True))


def test_without_a_checkpoint_it_starts_anew(stopped, how):
    (stopped.path / files.CHECKPOINT).unlink()
    with RunWriter(stopped) as writer:
        assert writer.begin(how) is None
    for table in (stopped.steps(), stopped.layers(), stopped.evals(), stopped.units()):
        assert table.empty
    assert stopped.weight_steps() == []


def test_an_evaluation_before_the_first_step_is_kept_on_resuming(run, how, write):
    before = {"step": 0, "images": 4, "train_error": 90.0, "test_error": 90.0}
    with RunWriter(run) as writer:
        writer.begin(how)
        writer.append([], [before], [])
        write(writer, 0, 3)
        writer.checkpoint({"a": np.ones(1)}, step=3, seconds=0.1)
        writer.begin(how)
        assert run.evals()["step"].tolist() == [0, 3]
        (run.path / files.CHECKPOINT).unlink()
        writer.begin(how)
        assert run.evals().empty


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"rubbish",
        bytes(1000),
        save({"a": np.ones(3)}),
        save({"a": np.ones(3)}, metadata={"facts": "{"}),
        save({"a": np.ones(3)}, metadata={"facts": json.dumps({"step": 1})})[:-5],
    ],
)
def test_a_damaged_checkpoint_is_named(stopped, how, damaged):
    path = stopped.path / files.CHECKPOINT
    path.write_bytes(damaged)
    rows = stopped.steps()
    with RunWriter(stopped) as writer, pytest.raises(RunError) as caught:
        writer.begin(how)
    assert str(caught.value).startswith(f"{path} is damaged (")
    assert str(caught.value).endswith("remove that file to train from the start")
    assert stopped.steps().equals(rows), "nothing is dropped"


def test_a_finished_run_has_nothing_to_resume(finished):
    assert not (finished.path / files.CHECKPOINT).exists()
    status = finished.status()
    assert (status.state, status.step, status.steps, status.seconds) == ("done", 10, 10, 2.5)


def test_a_stop_is_seen_by_the_writer(run):
    with RunWriter(run) as writer:
        assert writer.should_continue()
        Run(run.path).stop()
        assert run.stop_requested()
        assert not writer.should_continue()
        run.queue()
        assert writer.should_continue()
