"""Real worker processes: side by side, killed, replaced; what they leave is the same to the bit."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from waiting import until

from resnet_edu import jobs
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import ComputeRequest, RecordingConfig, Shelf, answers


def log() -> str:
    path = Shelf().path / queue.QUEUE / "workers.log"
    return path.read_text() if path.exists() else ""


@pytest.mark.slow
def test_trained_once_side_by_side_then_everybody_goes_home(tiny, monkeypatch):
    monkeypatch.setenv("RESNET_EDU_WORKERS", "2")
    experiments = [tiny(steps=150, seed=seed) for seed in range(3)]
    runs = [jobs.submit(experiment) for experiment in experiments * 2]
    assert len(Shelf().runs()) == 3
    at_once = [0]
    while not all(run.status().ended for run in runs):
        at_once.append(sum(run.busy() for run in runs[:3]))
        time.sleep(0.01)
    assert max(at_once) <= 2
    for run in runs[:3]:
        assert run.status().state == "done", log()
        assert run.compute.threads == 1
        assert run.steps()["step"].tolist() == list(range(150)), "each step was made once"
    assert queue.pending(Shelf()) == []

    bad, good = jobs.ask(runs[0], "x-ray"), jobs.ask(runs[0], "saliency", image=1)
    workers = [pool._started[Shelf().path, slot] for slot in ("0", "1", queue.QUICK)]
    until(lambda: (good / answers.ANSWER).exists() and (bad / answers.ANSWER).exists())
    assert json.loads((bad / answers.ANSWER).read_text())["error"].startswith("probe is 'x-ray'")
    facts = json.loads((good / answers.ANSWER).read_text())
    assert sum(facts["probabilities"]) == pytest.approx(1)
    with np.load(good / "answer.npz") as arrays:
        assert arrays["map"].shape == (1, 8, 8)
    until(lambda: all(worker.poll() == 0 for worker in workers))
    assert "Traceback" not in log()


@pytest.mark.slow
def test_killed_workers_are_replaced_and_the_weights_are_the_same_to_the_bit(tiny, tmp_path, monkeypatch):
    from resnet_edu.workers import train

    monkeypatch.setenv("RESNET_EDU_WORKERS", "1")
    recording = RecordingConfig(every_step=True, keep_weights=3)
    experiment = tiny(steps=600, augment=True)
    run = jobs.submit(experiment, recording=recording)
    waits = jobs.submit(tiny(steps=5, seed=1))
    until(lambda: run.status().step > 30)
    assert waits.status().state == "queued"
    jobs.cancel(waits)
    jobs.cancel(run)
    until(lambda: run.status().ended)
    stopped = run.status()
    assert stopped.state == "stopped", log()
    assert waits.status().state == "stopped"
    assert waits.steps().empty

    jobs.submit(experiment, recording=recording)
    until(lambda: run.status().step > stopped.step + 30)
    process = pool._started[Shelf().path, "0"]
    process.kill()
    process.wait()
    killed = run.status()
    assert killed.state == "interrupted"
    assert stopped.step < killed.step < 600
    (job,) = queue.pending(Shelf())
    assert job.tries == 1

    pool.start_workers(Shelf())
    until(lambda: run.status().state == "done")
    assert pool._started[Shelf().path, "0"].pid != process.pid
    until(lambda: queue.pending(Shelf()) == [])

    whole = Shelf(tmp_path / "whole").get_or_create(experiment)
    train.train_run(whole, ComputeRequest(recording=recording))
    assert run.weight_steps() == whole.weight_steps()
    for step in whole.weight_steps():
        ours, theirs = run.weights(step), whole.weights(step)
        assert all(np.array_equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert run.steps().drop(columns="seconds").equals(whole.steps().drop(columns="seconds"))
    for table in ("layers", "evals", "blocks"):
        assert getattr(run, table)().equals(getattr(whole, table)()), table
    assert (run.steps()["seconds"].diff().dropna() > 0).all()
