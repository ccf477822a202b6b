"""`resnet-edu stop`: trainings that workers or other terminals do, and those that wait."""

from __future__ import annotations

import pytest
from commands import SMALL, described
from waiting import until

from resnet_edu import jobs
from resnet_edu.cli import resume as stop_command
from resnet_edu.runs import RunWriter, Shelf, files

LONG = (*SMALL, "--steps=1000000")


@pytest.fixture
def waiting(monkeypatch):
    """Two runs in the queue, and no worker."""
    monkeypatch.setattr(jobs.pool, "start_workers", lambda shelf: None)
    return [jobs.submit(described(*LONG, f"--seed={seed}")) for seed in (1, 2)]


def test_one_that_waits(command, waiting) -> None:
    said = command("stop", "s1")
    assert said.code == 0
    assert said.out.startswith(f"{waiting[0].name}: stopped at step 0 of 1000000 after 0.0 s")
    assert [jobs.queued(run) for run in waiting] == [False, True]
    assert [run.status().state for run in waiting] == ["stopped", "queued"]


@pytest.mark.parametrize("words", [("--all",), ("s1", "s2")])
def test_all_that_wait(command, waiting, words) -> None:
    said = command("stop", *words)
    assert said.code == 0
    assert [line.split(":")[0] for line in said.out.splitlines()] == [run.name for run in waiting]
    assert not any(jobs.queued(run) for run in waiting)
    said = command("stop", "--all")
    assert (said.code, said.out) == (0, f"No training runs or waits in {Shelf().path}.\n")


def test_one_whose_worker_died_is_not_taken_up_again(command, waiting) -> None:
    with RunWriter(waiting[0]) as writer:
        writer.status("running", 5, 1.0)
    assert waiting[0].status().state == "interrupted"
    assert command("stop", "s1").code == 0
    assert waiting[0].status().state == "stopped"
    assert not jobs.queued(waiting[0])


def test_a_damaged_one_does_not_keep_the_others(command, waiting) -> None:
    (waiting[0].path / files.STATUS).write_text("{")
    (jobs.queue.train_job_file(waiting[0])).unlink()
    assert command("stop", "--all").code == 0
    assert waiting[1].status().state == "stopped"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("stop", "resnet-edu stop: error: which one? a run's name, or --all"),
        ("stop x --all", "resnet-edu stop: error: which one? a run's name, or --all"),
        ("stop nothing", "resnet-edu: no run is called 'nothing' in "),
    ],
)
def test_what_cannot_be_stopped(command, words, message) -> None:
    said = command(*words.split())
    assert said.code == 2
    assert message in said.error


def test_one_that_is_done(command, train) -> None:
    train()
    said = command("stop", "resnet-8")
    assert said.code == 2
    assert said.error.endswith(" is done; there is nothing to stop\n")


@pytest.mark.slow
def test_a_worker_stops_and_resume_goes_on(command, monkeypatch) -> None:
    monkeypatch.setattr(stop_command, "POLL_SECONDS", 0.01)
    # Large steps, and fewer than from which on a worker first measures how to compute.
    run = jobs.submit(described("--net=resnet-20", "--batch=512", "--steps=999"))
    until(lambda: run.status().step > 0, seconds=200)
    said = command("stop", run.name)
    assert said.code == 0
    assert not run.busy(), "it waits until the worker has let go"
    status = run.status()
    assert (status.state, status.message) == ("stopped", "stopped; it can be resumed")
    assert 0 < status.step < 999
    assert f"{run.name}: stopped at step {status.step} of 999" in said.out
