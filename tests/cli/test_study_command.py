"""`resnet-edu study` and `demo`, with arms that train in a blink."""

import dataclasses
import os
import signal
import threading
import time

import pytest

from resnet_edu import jobs, studies
from resnet_edu.cli import study as study_command
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import RunWriter, Shelf
from resnet_edu.studies import degradation
from resnet_edu.workers import process

pytestmark = pytest.mark.slow


@pytest.fixture
def arms(tiny, monkeypatch):
    """The study over nets of 8 and 14 layers; returns what it asks for, to be changed: steps, seeds."""
    asked = {"steps": 3, "seeds": 3}

    def made(budget, seeds, depths=None):
        return [
            tiny(depth=depth, plain=plain, seed=seed, steps=asked["steps"])
            for depth in depths or (14, 8)
            for seed in seeds[: asked["seeds"]]
            for plain in (True, False)
        ]

    small = dataclasses.replace(degradation.STUDY, arms=made)
    monkeypatch.setattr(studies, "get", lambda name: small)
    return asked


@pytest.fixture
def here(monkeypatch):
    """Workers that do their work when they are started, in this process."""

    monkeypatch.setattr(pool, "start_workers", lambda shelf: process.serve(shelf, "0", 0.01))


def test_a_study_trains_its_arms_and_gives_a_verdict(command, arms, here):
    said = command("study", "degradation", "--seeds", "0,1,2")
    assert said.code == 0
    assert said.out.startswith("Does a deeper net train worse?\nPast some depth, a deeper plain net has")
    assert f"12 trainings at the budget 'minute', {jobs.slots()} at a time." in said.out
    for line in ("plain-14     seed 0  done", "resnet-8     seed 2  done"):
        assert line in said.out
    assert "Mean ± sd over seeds" in said.out
    last = said.out.strip().splitlines()[-1]
    assert last.startswith("not settled at this budget: Plain nets: not settled at this budget (")
    assert len(Shelf().runs()) == 12


def test_what_has_been_trained_is_not_trained_again(command, arms, here):
    command("study", "degradation", "--seeds", "0", "--depths", "8")
    written = {run.name: run.weights for run in Shelf().runs()}
    said = command("study", "degradation", "--seeds", "0", "--depths", "8,14")
    assert said.code == 0
    assert written.keys() < {run.name for run in Shelf().runs()}
    assert not any("~" in run.name for run in Shelf().runs())
    command("study", "degradation", "--seeds", "0", "--depths", "8", "--again")
    assert sum(run.name.endswith("~2") for run in Shelf().runs()) == 2


def test_the_demo_is_always_trained_now(command, arms, here):
    arms["seeds"] = 1
    for attempt in (1, 2):
        said = command("demo")
        assert said.code == 0
        assert "4 trainings at the budget 'minute'" in said.out
        assert len(Shelf().runs()) == 4 * attempt


def test_recorded_weights_are_those_of_the_extremes(command, arms, here):
    command("study", "degradation", "--seeds", "0", "--depths", "20,14,8")
    kept = {run.experiment.net.depth: len(run.weight_steps()) for run in Shelf().runs()}
    assert kept == {8: 3, 14: 1, 20: 3}


def test_a_failed_arm_is_named(command, arms, here, monkeypatch):
    from resnet_edu import training

    whole = training.train

    def broken(experiment, *arguments, **options):
        if experiment.label == "plain-14":
            raise MemoryError("no room for 14 layers")
        return whole(experiment, *arguments, **options)

    monkeypatch.setattr(training, "train", broken)
    said = command("study", "degradation", "--seeds", "0")
    assert said.code == 1
    last = said.out.strip().splitlines()[-1]
    assert last.startswith("failed plain-14-digits-s0-")
    assert last.endswith(": no room for 14 layers")


def test_a_study_of_a_run_that_is_trained_elsewhere_waits_for_it(command, arms, here, tiny, monkeypatch):
    run = Shelf().get_or_create(tiny(steps=3, plain=True))
    monkeypatch.setattr(study_command, "POLL_SECONDS", 0.01)
    with RunWriter(run) as writer:
        writer.status("running", 1, 0.1)
        ends = threading.Timer(0.3, lambda: writer.finish(1.0))
        ends.start()
        said = command("study", "degradation", "--seeds", "0", "--depths", "8")
        ends.join()
    assert "plain-8      seed 0  done" in said.out


@pytest.mark.slow
def test_ctrl_c_stops_the_study_and_the_same_command_goes_on(command, arms):
    arms["steps"] = 800

    def press():
        while not any(run.status().step > 0 for run in Shelf().runs()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    finger = threading.Thread(target=press)
    finger.start()
    said = command("study", "degradation", "--seeds", "0", "--depths", "8")
    finger.join()
    assert said.code == 130
    assert "Stopping the trainings; their steps so far are kept." in said.out
    assert "Stopped. The same command resumes it." in said.out
    assert {run.status().state for run in Shelf().runs()} == {"stopped"}
    assert queue.pending(Shelf()) == []
    assert any(0 < run.status().step < 800 for run in Shelf().runs())

    said = command("study", "degradation", "--seeds", "0", "--depths", "8")
    assert said.code == 0
    assert {run.status().state for run in Shelf().runs()} == {"done"}
    assert len(Shelf().runs()) == 2


@pytest.mark.slow
def test_workers_that_die_while_the_study_watches_are_replaced(command, arms, monkeypatch):
    monkeypatch.setenv("RESNET_EDU_WORKERS", "1")
    arms["steps"] = 300
    killed = []

    def kill():
        while not any(run.status().step > 0 for run in Shelf().runs()):
            time.sleep(0.05)
        (worker,) = pool._started.values()
        killed.append(worker)
        worker.kill()
        end = time.monotonic() + 300
        while not all(run.status().ended for run in Shelf().runs()):
            if time.monotonic() > end:
                return os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
        return None

    hand = threading.Thread(target=kill)
    hand.start()
    said = command("study", "degradation", "--seeds", "0", "--depths", "8")
    hand.join()
    assert killed[0].wait() == -signal.SIGKILL
    assert said.code == 0
    assert {run.status().state for run in Shelf().runs()} == {"done"}
    assert all(run.steps()["step"].tolist() == list(range(300)) for run in Shelf().runs())


@pytest.mark.slow
def test_a_study_whose_workers_all_die_goes_on(command, arms, monkeypatch):
    monkeypatch.setenv("RESNET_EDU_WORKERS", "2")
    arms["steps"] = 400
    at_once = []

    def watched(*arguments, **options):
        """Before each look of the study: all workers die at the same moment, while both arms train."""
        runs = arguments[0]
        if not at_once and all(run.status().state == "running" and run.status().step for run in runs):
            for worker in pool._started.values():
                worker.kill()
            for worker in pool._started.values():
                worker.wait()
            at_once.extend(run.status().state for run in runs)
        return progress(*arguments, **options)

    progress = study_command.progress
    monkeypatch.setattr(study_command, "progress", watched)
    said = command("study", "degradation", "--seeds", "0", "--depths", "8")
    assert at_once == ["interrupted", "interrupted"]
    assert said.code == 0
    assert [run.status().state for run in Shelf().runs()] == ["done", "done"]
    assert "interrupted" not in said.out
    assert queue.pending(Shelf()) == []


def test_a_study_with_an_arm_that_did_not_end_fails(command, arms, here, tiny, monkeypatch):
    """Another process stops one arm."""
    run = Shelf().get_or_create(tiny(steps=3, plain=True))
    monkeypatch.setattr(pool, "start_workers", lambda shelf: stops())

    def stops():
        jobs.cancel(run)
        process.serve(Shelf(), "0", 0.01)

    said = command("study", "degradation", "--seeds", "0", "--depths", "8")
    assert said.code == 1
    assert f"stopped {run.name}" in said.out


def test_a_cluster_that_does_not_answer(command, arms):
    said = command("study", "degradation", "--cluster", "localhost")
    assert (said.code, said.error) == (
        2,
        "resnet-edu: the cluster's address is 'localhost'; allowed: tcp://HOST:PORT\n",
    )
    assert Shelf().runs() == []


def test_a_cluster_s_workers_have_data_of_their_own(command, arms, tmp_path):
    said = command("study", "degradation", "--cluster", "tcp://localhost:1", "--data-dir", tmp_path)
    assert said.code == 2
    assert said.error.startswith("resnet-edu: --data-dir is for this machine")
