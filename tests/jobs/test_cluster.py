"""Runs that travel to the workers of an executor and back: here, executors that live in this process."""

from __future__ import annotations

import dataclasses
import io
import itertools
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest
from executors import Told, at_once, ended, never
from waiting import until

from resnet_edu import jobs, training
from resnet_edu.jobs import cluster, queue
from resnet_edu.runs import ComputeRequest, RecordingConfig, Run, RunError, RunWriter, Shelf, archive, files
from resnet_edu.training import loop
from resnet_edu.workers import choices, train

EIGHT = ComputeRequest(recording=RecordingConfig(keep_weights=8))
pytestmark = pytest.mark.slow


@pytest.fixture
def step_by_step(monkeypatch):
    """Every turn is one step long."""
    monkeypatch.setattr(cluster, "SLICE_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0)


def same(run: Run, twin: Run) -> None:
    assert run.steps().drop(columns="seconds").equals(twin.steps().drop(columns="seconds"))
    for table in ("layers", "evals", "blocks"):
        assert getattr(run, table)().equals(getattr(twin, table)()), table
    assert run.weight_steps() == twin.weight_steps()
    for step in run.weight_steps():
        ours, theirs = run.weights(step), twin.weights(step)
        assert all((tensor == theirs[name]).all() for name, tensor in ours.items())


def test_many_turns_make_the_same_run_as_none(tiny, step_by_step, tmp_path):
    arms = [tiny(seed=seed, augment=True) for seed in range(2)]
    executor = Told(at_once)
    runs = jobs.submit_all(arms, executor=executor)
    assert ended(runs) == ["done", "done"]
    assert len(executor.sent) == 12
    for run, arm in zip(runs, arms, strict=True):
        whole = Shelf(tmp_path / "whole").get_or_create(arm)
        train.train_run(whole, EIGHT)
        same(run, whole)
        assert run.experiment == arm
        assert {path.name for path in run.path.iterdir()} == {path.name for path in whole.path.iterdir()}
    assert queue.pending(Shelf()) == []


def test_threads_of_this_process(tiny):
    arms = [tiny(seed=seed) for seed in range(3)]
    with ThreadPoolExecutor(2) as pool:
        runs = jobs.submit_all(arms, executor=pool)
        assert ended(runs) == ["done"] * 3
    assert [run.steps()["step"].tolist() for run in runs] == [list(range(6))] * 3


def test_what_has_ended_stays_at_home(tiny):
    first = jobs.submit_all([tiny()], executor=Told(at_once))
    ended(first)
    executor = Told(at_once)
    runs = jobs.submit_all([tiny(), tiny(seed=1)], executor=executor)
    assert ended(runs) == ["done", "done"]
    assert runs[0].path == first[0].path
    assert len(executor.sent) == 2, "one for a look, one to the end"
    again = jobs.submit_all([tiny(), tiny(seed=1)], executor=Told(at_once), again=True)
    assert ended(again) == ["done", "done"]
    assert [run.name.endswith("~2") for run in again] == [True, True]


def test_the_first_goes_ahead_and_all_are_computed_as_it_is(tiny, monkeypatch):
    """What a worker measures to choose how to compute comes back, and goes out with the others."""
    numbers, whole = itertools.count(), training.choose

    def choose(experiment, *, known, **options):
        measured = known.setdefault("nets like these", {"ms": float(next(numbers))})
        chosen = whole(experiment, known={}, **options)
        return dataclasses.replace(chosen, measured_ms_per_step=measured)

    monkeypatch.setattr(choices, "WORTH_MEASURING", 0)
    monkeypatch.setattr(training, "choose", choose)
    away = []

    def waits(errand, args, future):
        away.append((errand, future))

    runs = jobs.submit_all([tiny(seed=seed) for seed in range(3)], executor=Told(waits))
    until(lambda: away)
    assert [run.status().state for run in runs] == ["running"] * 3
    while not all(run.status().ended for run in runs):
        for errand, future in away[:]:
            away.remove((errand, future))
            future.set_result(errand())
    ended(runs)
    assert [run.compute.measured_ms_per_step for run in runs] == [{"ms": 0.0}] * 3
    assert files.read_json(Shelf().path / files.CHOICES) == {"nets like these": {"ms": 0.0}}


def test_runs_are_cancelled_as_any_other(tiny):
    executor = Told(never)
    runs = jobs.submit_all([tiny(seed=seed) for seed in range(3)], executor=executor)
    until(lambda: executor.sent)
    jobs.cancel(runs[2])
    until(lambda: runs[2].status().state == "stopped")
    assert [run.status().state for run in runs[:2]] == ["running", "running"]
    jobs.cancel_all(runs)
    assert ended(runs) == ["stopped"] * 3
    assert executor.sent[0][1].cancelled()
    assert ended(jobs.submit_all([run.experiment for run in runs], executor=Told(at_once))) == ["done"] * 3


def test_what_came_back_before_the_end_is_gone_on_with(tiny, step_by_step):
    three = itertools.count()

    def dies(errand, args, future):
        if next(three) < 3:
            at_once(errand, args, future)
        else:
            future.set_exception(BrokenProcessPool("a process died"))

    (run,) = jobs.submit_all([tiny()], executor=Told(dies))
    assert ended([run]) == ["failed"]
    assert (run.status().step, run.status().message) == (3, "BrokenProcessPool: a process died")
    assert run.path.joinpath(files.CHECKPOINT).exists()
    executor = Told(at_once)
    assert ended(jobs.submit_all([tiny()], executor=executor)) == ["done"]
    assert len(executor.sent) == 3
    assert run.steps()["step"].tolist() == list(range(6))
    assert not run.path.joinpath(files.CHECKPOINT).exists()


def test_a_run_goes_on_here_after_the_cluster_and_there_after_us(tiny, step_by_step, tmp_path):
    count = itertools.count()
    executor = Told(lambda *told: at_once(*told) if next(count) < 2 else never(*told))
    (run,) = jobs.submit_all([tiny()], executor=executor)
    until(lambda: len(executor.sent) == 3)
    jobs.cancel(run)
    assert ended([run]) == ["stopped"]
    steps = itertools.count()
    train.train_run(run, should_continue=lambda: next(steps) < 1)
    assert (run.status().state, run.status().step) == ("stopped", 4)
    assert ended(jobs.submit_all([tiny()], executor=Told(at_once))) == ["done"]
    whole = Shelf(tmp_path / "whole").get_or_create(tiny())
    train.train_run(whole, EIGHT)
    same(run, whole)


def test_rows_after_the_checkpoint_stay_at_home(tiny, step_by_step):
    """A worker of this machine died after its checkpoint: nobody elsewhere needs what it wrote then."""
    run = Shelf().get_or_create(tiny())
    steps = itertools.count()
    train.train_run(run, should_continue=lambda: next(steps) < 3)
    with RunWriter(run) as writer:
        writer.append([{"step": 3, "loss": 9.9, "lr": 0.1, "seconds": 9.0}], [], [])
        writer.status("running", 4, 9.0)
    assert run.status().state == "interrupted"
    executor = Told(at_once)
    assert ended(jobs.submit_all([tiny()], executor=executor)) == ["done"]
    sent = archive.unpack(executor.sent[0][0][0])
    assert len(sent[files.STEPS].splitlines()) == 3
    assert run.steps()["step"].tolist() == list(range(6))
    assert 9.9 not in run.steps()["loss"].tolist()


def test_what_somebody_else_trains_is_left_to_them(tiny):
    run = Shelf().get_or_create(tiny())
    executor = Told(at_once)
    with RunWriter(run) as writer:
        writer.status("running", 2, 0.5)
        runs = jobs.submit_all([tiny(), tiny(seed=1)], executor=executor)
        until(lambda: runs[1].status().ended)
        assert run.status().state == "running"
        assert run.steps().empty
        writer.finish(1.0)
    assert len(executor.sent) == 2


def test_nobody_else_trains_what_is_away(tiny):
    executor = Told(never)
    (run,) = jobs.submit_all([tiny()], executor=executor)
    until(lambda: executor.sent)
    assert run.busy()
    with pytest.raises(RunError, match="being written by another process"):
        train.train_run(run)
    jobs.cancel(run)
    ended([run])


def hostile(name: str):
    def sends(errand, args, future):
        content, choices = errand()
        blob = io.BytesIO(content)
        with zipfile.ZipFile(blob, "a") as archive:
            archive.writestr(name, b"evil")
        future.set_result((blob.getvalue(), choices))

    return sends


@pytest.mark.parametrize("name", ["../evil", "../../evil.jsonl", "{folder}/evil", "weights/../../evil"])
def test_a_worker_writes_nothing_but_the_run(tiny, name, tmp_path):
    name = name.format(folder=tmp_path)
    before = {path for path in tmp_path.rglob("*") if path.name != "lock"}
    (run,) = jobs.submit_all([tiny()], executor=Told(hostile(name)))
    assert ended([run]) == ["failed"]
    assert run.status().message == f"a run's archive holds {name!r}, which is no file of a run"
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]
    assert before <= set(tmp_path.rglob("*"))
    assert not run.path.joinpath(files.STEPS).exists()


@pytest.mark.parametrize("answer", [None, b"", ("x", {}), (b"no archive", {}), (b"", "no choices")])
def test_a_worker_that_answers_nonsense(tiny, answer):
    (run,) = jobs.submit_all([tiny()], executor=Told(lambda errand, args, f: f.set_result(answer)))
    assert ended([run]) == ["failed"]
    assert run.status().message


def test_an_executor_that_takes_nothing(tiny):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    runs = jobs.submit_all([tiny(seed=seed) for seed in range(2)], executor=pool)
    assert ended(runs) == ["failed", "failed"]
    assert "after shutdown" in runs[1].status().message


def test_a_diverged_run_has_ended(tiny):
    (run,) = jobs.submit_all([tiny(lr=100.0, steps=60)], executor=Told(at_once))
    assert ended([run]) == ["diverged"]
    assert run.status().message.startswith("diverged at step")


@pytest.mark.parametrize("address", ["", "nonsense", "tcp://", "tcp://host", "http://host:1", "tls://host:1"])
def test_an_address_that_is_none(address):
    with pytest.raises(RunError, match=r"^the cluster's address is .*; allowed: tcp://HOST:PORT$"):
        cluster.Cluster(address)


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RunError, match=r"pip install 'resnet-edu\[cluster\]'"):
        cluster.Cluster("tcp://127.0.0.1:8786")
