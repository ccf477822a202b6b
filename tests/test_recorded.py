"""The runs that ship: complete, from committed source, readable, and their weights give their errors."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest

from resnet_edu import data, probes, runs, studies
from resnet_edu.measure import errors
from resnet_edu.runs import Run, Shelf, answers
from resnet_edu.studies.study import STARTS as STARTS_FOLDER

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


STARTS = Shelf(runs.recorded().path / STARTS_FOLDER).runs()
AT_START = [studies.get(name) for name in studies.names() if not studies.get(name).trained]


def test_nets_at_their_start_are_those_of_studies_and_say_where_their_answers_come_from():
    asked = {
        (arm.name, folder.name)
        for study in AT_START
        for arm in study.arms("minute", seeds=study.seeds)
        for folder in study.asked(Run(Shelf(runs.recorded().path / STARTS_FOLDER).path / arm.name))
    }
    found = {(run.name, folder.name) for run in STARTS for folder in (run.path / "probes").iterdir()}
    assert found == asked
    for run in STARTS:
        assert run.name == run.experiment.name, "the name no longer follows from the experiment"
        for folder in (run.path / "probes").iterdir():
            facts, arrays = answers.read_answer(folder)
            assert re.fullmatch(r"[0-9a-f]{12}", facts["how"]["commit"]), "computed by uncommitted source"
            assert facts["run"] == run.name
            assert arrays
            assert {path.name for path in folder.iterdir()} == {answers.ANSWER, answers.ARRAYS}


@pytest.mark.parametrize("study", AT_START, ids=lambda study: study.name)
def test_an_answer_at_the_start_is_computed_again(study):
    arm = study.arms("minute", seeds=study.seeds)[0]
    run = Run(runs.recorded().path / STARTS_FOLDER / arm.name)
    for question, folder in zip(study.questions, study.asked(run), strict=True):
        recorded, now = (
            answers.read_answer(folder).arrays,
            probes.answer(run, question.probe, question.arguments),
        )
        for name, array in recorded.items():
            if array.dtype.kind == "f":
                assert now.arrays[name] == pytest.approx(array, rel=1e-3, nan_ok=True), name


@functools.cache
def ledger():
    return studies.ledger_of(runs.recorded())


@pytest.mark.parametrize(
    ("claim", "word"),
    [(1, "supported"), (6, "depends"), (9, "exact"), (21, "depends"), (26, "contradicted")],
)
def test_recorded_verdicts(claim, word):
    """A change of these is news: it belongs into the changelog."""
    assert {entry.word for entry in ledger() if entry.claim.number == claim} == {word}


def test_the_shelf_stays_small():
    size = sum(path.stat().st_size for path in runs.recorded().path.rglob("*") if path.is_file())
    assert size < 25e6
