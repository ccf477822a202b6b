"""The answers that ship: from committed source, found by whoever asks, and computed again at three points."""

from __future__ import annotations

import re

import numpy as np
import pytest

from resnet_edu import data, jobs, probes, runs
from resnet_edu.jobs import pool, queue
from resnet_edu.probes import surface
from resnet_edu.runs import Shelf, answers

SHIPPED = [
    (run, folder) for run in runs.recorded().runs() for folder in sorted((run.path / "probes").glob("*"))
]
OFFLINE = [(run, folder) for run, folder in SHIPPED if run.experiment.data.kind == "digits"]
PLANES = [(run, folder) for run, folder in OFFLINE if folder.name.startswith("loss_plane")]


def names(value) -> str:
    return value.name


@pytest.mark.parametrize(("run", "folder"), SHIPPED, ids=names)
def test_a_recorded_answer_says_where_it_comes_from(run, folder, monkeypatch):
    monkeypatch.setattr(pool, "start", None)  # nobody is asked
    facts, arrays = answers.read_answer(folder)
    assert re.fullmatch(r"[0-9a-f]{12}", facts["how"]["commit"]), "computed by uncommitted source"
    assert {"device", "device_name", "threads", "versions", "seconds"} <= set(facts["how"])
    assert facts["run"] == run.name
    assert jobs.ask(run, facts["probe"], **facts["arguments"]) == folder
    assert queue.pending(Shelf()) == []
    assert arrays
    assert {path.name for path in folder.iterdir()} == {answers.ANSWER, answers.ARRAYS}
    assert sum(path.stat().st_size for path in folder.iterdir()) < answers.MOST_BYTES


@pytest.mark.parametrize("statistics", [{}, {"statistics": "batch"}], ids=str)
@pytest.mark.parametrize("depth", [20, 56])
def test_both_twins_planes_are_there_and_of_one_grid(depth, statistics):
    found = [
        answers.answer_folder(runs.recorded().find(f"{kind}-{depth}-digits-s0"), "loss_plane", statistics)
        for kind in ("plain", "resnet")
    ]
    (plain, ours), (residual, theirs) = map(answers.read_answer, found)
    asked = ("images", "points", "span", "seed", "statistics")
    assert {name: plain[name] for name in asked} == {name: residual[name] for name in asked}
    assert plain["how"]["commit"] == residual["how"]["commit"]
    assert ours["loss"].shape == theirs["loss"].shape == (25, 25)


@pytest.mark.parametrize(("run", "folder"), PLANES, ids=names)
def test_three_points_of_a_recorded_plane_are_computed_again(run, folder):
    facts, arrays = answers.read_answer(folder)
    images = data.load(run.experiment.data)
    slices = surface._Slices(probes.net_of(run), images, facts["images"], facts["statistics"])
    across, along = (slices.direction(facts["seed"], axis) for axis in (0, 1))
    at, middle = arrays["at"], len(arrays["at"]) // 2
    for row, column in ((middle, middle), (middle + 1, middle - 2), (middle - 2, middle + 1)):
        here = slices.moved((at[column], across), (at[row], along))
        assert here.loss == pytest.approx(arrays["loss"][row, column], rel=0.01)
        assert here.error == pytest.approx(arrays["error"][row, column], abs=0.6), "three of 500 images"
    assert facts["centre_loss"] == pytest.approx(arrays["loss"][middle, middle], rel=1e-5)


@pytest.mark.parametrize(("run", "folder"), PLANES, ids=names)
def test_a_recorded_plane_s_numbers_follow_from_it(run, folder):
    facts, arrays = answers.read_answer(folder)
    told = surface.sharpness(arrays["loss"], arrays["at"], facts["centre_loss"])
    assert told["area_above"] == facts["area_above"]
    assert told["nonconvex"] == facts["nonconvex"]
    np.testing.assert_allclose(told["curvature"], facts["curvature"])


def test_the_centre_of_a_recorded_plane_is_near_the_recorded_training_loss():
    """Of 500 of the 1,500 images, and of weights in half precision."""
    for run, folder in PLANES:
        facts, _ = answers.read_answer(folder)
        assert facts["centre_loss"] == pytest.approx(run.evals()["train_loss"].iloc[-1], rel=0.25, abs=0.01)
