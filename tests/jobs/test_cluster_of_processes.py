"""Trainings on worker processes that share nothing with us but a socket; some are killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from waiting import until

from resnet_edu import jobs
from resnet_edu.cli import main
from resnet_edu.experiment import Cifar10, Experiment
from resnet_edu.jobs import cluster as clusters
from resnet_edu.jobs import queue
from resnet_edu.jobs.cluster import Cluster
from resnet_edu.runs import ComputeRequest, RecordingConfig, Run, Shelf
from resnet_edu.workers import train

EIGHT = ComputeRequest(recording=RecordingConfig(keep_weights=8))
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]
DASK = str(Path(sysconfig.get_path("scripts"), "dask"))


class Lab:
    """A Dask scheduler and its workers, processes of this machine with an empty data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, []
        (folder / "data").mkdir()
        self._start("scheduler", "--port", "0")
        until(lambda: self._file.exists())
        self.address = json.loads(self._file.read_text())["address"]

    @property
    def _file(self) -> Path:
        return self.folder / "scheduler.json"

    def join(self) -> None:
        """One more worker, of one thread."""
        self._start("worker", "--nthreads", "1", "--no-nanny", "--local-directory", self.folder)

    def _start(self, *words) -> None:
        shared = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", self._file)
        env = os.environ | {"RESNET_EDU_DATA": str(self.folder / "data")}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [DASK, *words, *shared], stdout=log, stderr=log, env=env, cwd=self.folder
            )
        self.processes.append(process)

    def kill(self, pid: int) -> None:
        (process,) = (process for process in self.processes if process.pid == pid)
        process.kill()
        process.wait()

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    for _ in range(2):
        lab.join()
    yield lab
    lab.close()


@pytest.fixture
def cluster(lab) -> Iterator[Cluster]:
    with Cluster(lab.address) as cluster:
        until(lambda: cluster.slots() == 2)
        yield cluster


@pytest.fixture
def short_turns(monkeypatch):
    monkeypatch.setattr(clusters, "SLICE_SECONDS", (0.5, 0.5))


def all_ended(runs: list[Run]) -> list[str]:
    until(lambda: all(run.status().ended for run in runs), 300)
    return [run.status().state for run in runs]


def at_work(cluster: Cluster) -> dict[int, int]:
    """How many trainings each worker process has in its hands."""

    def executing(dask_worker) -> tuple[int, int]:
        return os.getpid(), dask_worker.state.executing_count

    return dict(cluster._client.run(executing).values())


def is_the_whole(run: Run, shelf: Shelf) -> None:
    """The run has the same bits as one that was trained here, undisturbed."""
    whole = shelf.get_or_create(run.experiment)
    train.train_run(whole, EIGHT)
    assert run.steps().drop(columns="seconds").equals(whole.steps().drop(columns="seconds"))
    for table in ("layers", "evals", "blocks"):
        assert getattr(run, table)().equals(getattr(whole, table)()), table
    assert run.weight_steps() == whole.weight_steps()
    for step in run.weight_steps():
        ours, theirs = run.weights(step), whole.weights(step)
        assert all((tensor == theirs[name]).all() for name, tensor in ours.items())


def test_a_worker_is_killed_and_every_arm_ends_once(tiny, lab, cluster, short_turns, tmp_path):
    arms = [tiny(steps=300, seed=seed, augment=True) for seed in range(3)]
    runs = jobs.submit_all(arms, executor=cluster)
    until(lambda: any(0 < run.status().step < 300 for run in runs), 120)
    hands: dict[int, int] = {}
    until(lambda: hands.update(at_work(cluster)) or all(hands.values()))
    lab.kill(min(hands))
    assert not all(run.status().ended for run in runs)
    assert all_ended(runs) == ["done"] * 3
    assert cluster.slots() == 1
    assert sorted(run.name for run in Shelf().runs()) == sorted(arm.name for arm in arms)
    for run in runs:
        assert run.steps()["step"].tolist() == list(range(300)), "each step was made once"
        is_the_whole(run, Shelf(tmp_path / "whole"))
    assert queue.pending(Shelf()) == []
    lab.join()


CLIENT = """
import sys, time
from resnet_edu import jobs
from resnet_edu.jobs import cluster
from resnet_edu.experiment import Experiment
cluster.SLICE_SECONDS = 1000.0, 1000.0
jobs.submit_all(map(Experiment.from_json, sys.argv[2:]), executor=cluster.Cluster(sys.argv[1]))
time.sleep(1000)
"""


@pytest.mark.soak
def test_who_asked_is_killed_and_the_workers_are_free_again(tiny, lab, cluster, short_turns):
    arms = [tiny(steps=1_000_000, seed=seed) for seed in range(2)]
    described = [arm.to_json() for arm in arms]
    client = subprocess.Popen([sys.executable, "-c", CLIENT, lab.address, *described])
    until(lambda: list(at_work(cluster).values()) == [1, 1], 120)
    runs = [Shelf().latest(arm) for arm in arms]
    assert runs[0].status().step > 0, "the first one's first turn is over"
    assert [run.status().state for run in runs] == ["running"] * 2
    client.kill()
    client.wait()
    assert [run.status().state for run in runs] == ["interrupted"] * 2
    until(lambda: not any(at_work(cluster).values()))
    before = [run.status().step for run in runs]

    jobs.submit_all(arms, executor=cluster)
    until(lambda: all(run.status().step > step for run, step in zip(runs, before, strict=True)), 120)
    jobs.cancel_all(runs)
    assert all_ended(runs) == ["stopped"] * 2
    until(lambda: not any(at_work(cluster).values()))


def test_a_worker_without_the_data_says_so(tiny, lab, cluster):
    arm = Experiment(tiny().net, Cifar10(train=64), tiny().recipe)
    runs = jobs.submit_all([arm, tiny()], executor=cluster)
    assert all_ended(runs) == ["failed", "done"]
    said = runs[0].status().message
    assert said.startswith("on ")
    assert "CIFAR-10: the file data_batch_1 is missing; searched " + str(lab.folder / "data") in said


def test_the_command_line_on_a_cluster(tiny, lab, cluster, monkeypatch, capsys):
    """Trained there, stopped by Ctrl-C, and gone on with by the same command."""
    import dataclasses

    from resnet_edu import studies
    from resnet_edu.studies import degradation

    arms = [tiny(plain=plain, steps=800) for plain in (True, False)]
    small = dataclasses.replace(degradation.STUDY, arms=lambda *_, **__: arms)
    monkeypatch.setattr(studies, "get", lambda name: small)
    monkeypatch.setattr(clusters, "SLICE_SECONDS", (0.5, 0.5))
    words = ["study", "degradation", "--cluster", lab.address]

    def press():
        until(lambda: any(run.status().step > 0 for run in Shelf().runs()), 120)
        os.kill(os.getpid(), signal.SIGINT)

    finger = threading.Thread(target=press)
    finger.start()
    assert main(words) == 130
    finger.join()
    said = capsys.readouterr().out
    assert f"2 at a time on {lab.address}" in said.replace("\n", " ")
    assert "the steps that the cluster sent back are kept" in said
    runs = Shelf().runs()
    before = {run.name: run.status().step for run in runs}
    assert {run.status().state for run in runs} == {"stopped"}
    assert any(0 < step < 800 for step in before.values())

    assert main(words) == 0
    assert "plain-8      seed 0  done" in capsys.readouterr().out
    assert [run.status().state for run in Shelf().runs()] == ["done"] * 2
    assert all(run.steps()["step"].tolist() == list(range(800)) for run in Shelf().runs())


@pytest.fixture
def harmless_main(monkeypatch):
    """Spawned processes import the main module, and Streamlit's test of apps leaves a page in its place."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["waiting"])


@pytest.mark.soak  # the pool itself hangs now and then: a worker waits for a lock that nobody holds
@pytest.mark.usefixtures("harmless_main")
def test_processes_of_this_machine_one_of_which_is_killed(tiny, short_turns, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        arms = [tiny(steps=200, seed=seed) for seed in range(2)]
        runs = jobs.submit_all(arms, executor=pool)
        until(lambda: all(run.status().step > 0 for run in runs), 120)
        os.kill(next(iter(pool._processes)), signal.SIGKILL)
        states = all_ended(runs)
    assert "failed" in states
    assert all(run.status().message.startswith("BrokenProcessPool") for run in runs if run.status().message)
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        again = jobs.submit_all(arms, executor=pool)
        assert all_ended(again) == ["done", "done"]
    is_the_whole(runs[1], Shelf(tmp_path / "whole"))
