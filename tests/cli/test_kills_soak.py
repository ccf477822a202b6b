"""Each process of a study, the command and its workers, is killed at random moments: every arm ends once, to
the bit as without, and nothing is counted that did not end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from resnet_edu.jobs import queue
from resnet_edu.runs import Run, Shelf
from resnet_edu.studies import degradation
from resnet_edu.workers.train import train_run

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="it looks for workers in /proc"),
]

KILLS = int(os.environ.get("RESNET_EDU_SOAK_KILLS", "30"))
STUDY = ("study", "degradation", "--budget=minute", "--depths=8,20", "--seeds=0")
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def start() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "resnet_edu", *STUDY]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def workers() -> list[int]:
    """Processes of this shelf's workers, also while they are starting."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "resnet_edu.workers.process" in words and str(Shelf().path) in words:
            found.append(int(folder.name))
    return found


def check_what_counts() -> None:
    """Whatever is there can be read, and what is called done is whole."""
    runs = Shelf().runs()
    if not runs:
        return
    measured = degradation.measure(runs)
    assert "damaged" not in set(measured["state"])
    whole = {run.name for run in runs if run.steps()["step"].tolist() == list(range(run.status().steps))}
    ended = measured[degradation._counts(measured)]
    assert set(ended["run"]) <= whole
    assert (ended["step"] == 240).all()


def test_a_study_whose_processes_are_killed(tmp_path):
    numbers, study = random.Random(os.environ.get("RESNET_EDU_SOAK_SEED", "0")), start()
    counts = {"command": 0, "worker": 0, "restarts": 0}
    while counts["command"] + counts["worker"] < KILLS:
        time.sleep(numbers.uniform(0, 6))
        found = workers()
        if study.poll() is not None:
            out = study.communicate()[0]
            if out:  # else Python itself was still starting
                assert study.returncode in (-signal.SIGKILL, -signal.SIGTERM, 0, 1, 130), out
                assert "Traceback" not in out or not out.startswith(degradation.STUDY.title), out
            counts["restarts"] += 1
            if all(run.status().complete for run in Shelf().runs()) and len(Shelf().runs()) == 4:
                numbers.choice(Shelf().runs()).path.rename(tmp_path / f"ended-{counts['restarts']}")
            study = start()
        elif found and numbers.random() < 0.7:
            counts["worker"] += kill(numbers.choice(found), signal.SIGKILL)
        else:
            counts["command"] += kill(study.pid, numbers.choice(SIGNALS))
        check_what_counts()
    study.communicate()
    last = start()
    out, _ = last.communicate(timeout=600)
    assert last.returncode == 0, out
    print(f"\n{counts}")
    runs = Shelf().runs()
    assert len(runs) == 4
    assert {run.status().state for run in runs} == {"done"}
    assert [job.file for job in queue.pending(Shelf())] == []
    check_what_counts()
    for run in runs:
        assert same(run, trained_in_one_go(run, tmp_path))


def kill(process: int, number: int) -> bool:
    try:
        os.kill(process, number)
    except ProcessLookupError:  # it has ended just now
        return False
    return True


def trained_in_one_go(run: Run, tmp_path: Path) -> Run:
    whole = Shelf(tmp_path / "whole").get_or_create(run.experiment)
    train_run(whole)
    return whole


def same(one: Run, other: Run) -> bool:
    weights, others = one.weights(), other.weights()
    return (
        one.steps().drop(columns="seconds").equals(other.steps().drop(columns="seconds"))
        and one.evals().equals(other.evals())
        and all(np.array_equal(tensor, others[name]) for name, tensor in weights.items())
    )
