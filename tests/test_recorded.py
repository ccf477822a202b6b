"""The runs that ship: complete, from committed source, readable, and their weights give their errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from resnet_edu import data, probes, runs, studies
from resnet_edu.measure import errors
from resnet_edu.runs import Run, answers

RECORDED = runs.recorded().runs()
OFFLINE = [run for run in RECORDED if run.weight_steps() and run.experiment.data.kind == "digits"]


KEYS = json.loads(Path(__file__).with_name("recorded_keys.json").read_text())
"""Written at commit 5a90d8f, before modules moved. Runs that are recorded later need not be added."""


def test_runs_and_answers_recorded_long_ago_keep_their_names():
    assert {name: runs.recorded().find(name).experiment.key for name in KEYS["runs"]} == KEYS["runs"]
    for answer in KEYS["answers"]:
        folder = runs.recorded().path / answer
        facts, _ = answers.read_answer(folder)
        asked = {name: value for name, value in facts.items() if name in ("probe", "arguments")}
        run = Run(folder.parents[1])
        assert answers.answer_folder(run, asked["probe"], asked["arguments"]) == folder


@pytest.mark.parametrize("run", RECORDED, ids=lambda run: run.name)
def test_a_recorded_run_says_where_it_comes_from(run):
    assert run.status().state in ("done", "diverged")
    assert re.fullmatch(r"[0-9a-f]{12}", run.compute.commit), "trained from uncommitted source"
    assert {"device", "device_name", "precision", "memory_format", "threads", "versions"} <= set(
        run.compute.to_dict()
    )
    assert run.name == run.experiment.name, "the name no longer follows from the experiment"
    for table in (run.steps(), run.evals(), run.layers(), run.units()):
        assert len(table)


@pytest.mark.parametrize("budget", ["minute", "lesson-cifar"])
def test_the_recorded_study_is_whole(budget):
    study = studies.get("degradation")
    assert [arm.name for arm in study.arms(budget) if runs.recorded().latest(arm) is None] == []


@pytest.mark.parametrize("run", OFFLINE, ids=lambda run: run.name)
def test_shipped_weights_give_the_recorded_test_error(run):
    images = data.load(run.experiment.data)
    net = probes.net_of(run)
    measured = errors(net, images, images.test_images, images.test_labels, batch=297).error
    assert measured == pytest.approx(run.evals()["test_error"].iloc[-1], abs=0.7), "two of 297 images at most"


def test_the_shelf_stays_small():
    size = sum(path.stat().st_size for path in runs.recorded().path.rglob("*") if path.is_file())
    assert size < 25e6
