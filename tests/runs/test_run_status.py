"""The states of a run, and how one becomes another."""

import pytest

from resnet_edu.runs import Run, RunWriter, Shelf, Status, files, progress


def test_from_queued_to_done(run):
    assert run.status() == Status("queued", 0, 10, 0.0, "")
    with RunWriter(run) as writer:
        assert run.status().state == "running", "taken, but nothing is said yet"
        writer.status("running", 4, 2.0)
        assert run.status() == Status("running", 4, 10, 2.0)
        assert run.status().seconds_left == 3.0
        writer.finish(5.0)
    assert run.status() == Status("done", 10, 10, 5.0)


def test_a_writer_that_died_leaves_an_interrupted_run(run):
    with RunWriter(run) as writer:
        writer.status("running", 4, 2.0)
    assert run.status().state == "interrupted"
    run.queue()
    assert run.status() == Status("queued", 4, 10, 2.0)
    with RunWriter(run):
        assert run.status() == Status("running", 4, 10, 2.0)


def test_an_interrupted_run_that_a_job_asks_for_has_not_ended(run):
    with RunWriter(run) as writer:
        writer.status("running", 4, 2.0)
    run.job_file.parent.mkdir()
    run.job_file.touch()
    assert (run.status().state, run.status().ended) == ("interrupted", False)
    run.job_file.unlink()
    assert (run.status().state, run.status().ended) == ("interrupted", True)


def test_a_run_that_ends_while_it_is_looked_at_is_not_interrupted(run, monkeypatch):
    with RunWriter(run) as writer:
        writer.status("running", 9, 2.0)

    def ends_just_now(self):
        with RunWriter(run) as writer:
            writer.finish(3.0)
        return False

    monkeypatch.setattr(Run, "busy", ends_just_now)
    assert run.status() == Status("done", 10, 10, 3.0)


def test_a_waiting_run_stops_at_once_and_waits_again(run):
    run.stop()
    assert run.status().state == "stopped"
    assert run.stop_requested()
    run.queue()
    assert run.status().state == "queued"
    assert not run.stop_requested()


def test_a_running_run_stops_when_its_writer_says_so(run):
    with RunWriter(run) as writer:
        writer.status("running", 4, 2.0)
        run.stop()
        assert run.status().state == "running"
        assert not writer.should_continue()
        writer.status("stopped", 5, 2.5, "stopped; it can be resumed")
    assert run.status() == Status("stopped", 5, 10, 2.5, "stopped; it can be resumed")


def test_an_interrupted_run_can_be_stopped(run):
    with RunWriter(run) as writer:
        writer.status("running", 4, 2.0)
    run.stop()
    assert run.status() == Status("stopped", 4, 10, 2.0)


@pytest.mark.parametrize("state", ["done", "diverged", "failed"])
def test_what_has_ended_well_is_not_stopped_any_more(run, state):
    with RunWriter(run) as writer:
        writer.status(state, 10, 2.0, "why")
    run.stop()
    assert run.status() == Status(state, 10, 10, 2.0, "why")


@pytest.mark.parametrize(
    ("state", "ended", "complete"),
    [
        ("queued", False, False),
        ("running", False, False),
        ("stopped", True, False),
        ("interrupted", True, False),
        ("done", True, True),
        ("diverged", True, True),
        ("failed", True, False),
    ],
)
def test_which_states_are_ends(state, ended, complete):
    status = Status(state, 5, 10, 1.0)
    assert (status.ended, status.complete) == (ended, complete)
    assert (status.seconds_left is not None) == (state == "running")
    assert Status(state, 0, 10, 1.0).seconds_left is None


def test_a_read_only_run_is_not_busy(finished, monkeypatch):
    def denied(*_, **__):
        raise PermissionError("read-only file system")

    monkeypatch.setattr("resnet_edu.runs.run.FileLock", denied)
    assert not finished.busy()
    assert finished.status().state == "done"


@pytest.fixture
def three(shelf: Shelf, tiny):
    """Depths 8, 8 and 20 of 10 steps each: done in 8 s, half done in 4 s, and waiting."""
    runs = [
        shelf.get_or_create(tiny(steps=10, depth=depth, seed=seed)) for seed, depth in enumerate((8, 8, 20))
    ]
    files.write_json(runs[0].path / files.STATUS, {"state": "done", "step": 10, "seconds": 8.0})
    with RunWriter(runs[1]) as writer:
        writer.status("running", 5, 4.0)
        yield runs


def test_progress_goes_by_depth_times_steps(three):
    found = progress(three, side_by_side=1)
    assert found.share == pytest.approx((80 + 40) / (80 + 80 + 200))
    assert found.seconds_left == pytest.approx((40 + 200) * 12 / 120)
    assert (found.ended, found.runs) == (1, 3)


def test_two_at_a_time_take_half_as_long(three):
    assert progress(three, side_by_side=2).seconds_left == pytest.approx(12)
    assert progress(three, side_by_side=64).seconds_left == pytest.approx(12), "there are but two left"
    assert progress(three[:2], side_by_side=2).seconds_left == pytest.approx(4), "one alone"


def test_what_was_stopped_is_not_waited_for(three):
    three[2].stop()
    found = progress(three, side_by_side=1)
    assert found.share == pytest.approx(1 - 40 / 360)
    assert found.seconds_left == pytest.approx(4)


def test_progress_before_there_is_a_pace(run):
    assert progress([run], side_by_side=2).seconds_left is None
    assert progress([run], side_by_side=2).share == 0
    assert progress([], side_by_side=2).share == 1
