"""What do its paths carry: with answers written by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from resnet_edu import jobs
from resnet_edu.jobs import queue
from resnet_edu.runs import Shelf, answers, files, recorded

SETS = {"images": 200, "of": "train", "lr": 0.1, "weight_decay": 0.0001}


def twins(depth: int = 8):
    runs = {run.name[: run.name.index("-s")]: run for run in recorded().runs() if run.experiment.seed == 0}
    return [runs[f"{kind}-{depth}-digits"] for kind in ("plain", "resnet")]


def answer(probe: str, columns: dict, **arguments) -> None:
    for run in twins():
        folder = jobs.ask(run, probe, **arguments)
        files.write_arrays(folder / "answer.npz", {name: np.array(each) for name, each in columns.items()})
        files.write_json(folder / answers.ANSWER, SETS)


def shown(at) -> str:
    return " ".join(each.value for each in at.markdown)


@pytest.mark.usefixtures("no_workers")
def test_signals_are_drawn_when_they_have_come_and_the_rest_waits(opened):
    layers = {"layer": [0, 1], "name": ["stem.conv", "head"], "gradient": [1.0, 2.0]}
    answer("layer_gradients", layers | {"weight": [1.0, 1.0], "update": [1.0, 1.0], "ratio": [1.0, 1.0]})
    at = opened("paths", depth=8)
    assert not at.exception
    assert len(at.get("plotly_chart")) == 1
    assert "Measured on 200 training images." in at.caption[0].value
    assert len(at.status) == 2  # contributions and path lengths
    asked = {job.probe for job in queue.pending(Shelf())}
    assert {"contributions", "path_lengths"} <= asked


@pytest.mark.usefixtures("no_workers")
def test_what_a_step_is_compared_with_stands_below_it(opened):
    layers = {"layer": [0, 1], "name": ["stem.conv", "head"], "gradient": [1.0, 2.0]}
    answer("layer_gradients", layers | {"weight": [1.0, 1.0], "update": [1.0, 1.0], "ratio": [1.0, 1.0]})
    at = opened("paths", depth=8, signal="ratio")
    assert "learning rate 0.1, weight decay 0.0001" in at.caption[0].value.replace("\\", "")


@pytest.mark.usefixtures("no_workers")
def test_shares_of_the_gradient_can_be_added_up_to_each_length(opened):
    columns = {"length": [0, 1, 2, 3], "paths": [1.0, 3.0, 3.0, 1.0], "paths_share": [12.5, 37.5, 37.5, 12.5]}
    shares = {
        name: [10.0, 20.0, 30.0, 40.0] for name in ("norm", "norm_sd", "together", "norm_share", "share")
    }
    sums = {name: [10.0, 30.0, 60.0, 100.0] for name in ("norm_up_to", "share_up_to")}
    answer("path_lengths", columns | shares | sums)
    for asked, title in (("each", "of this length"), ("up_to", "up to this length")):
        at = opened("paths", depth=8, lengths=asked)
        assert not at.exception
        (chart,) = at.get("plotly_chart")
        figure = json.loads(chart.proto.spec)
        assert title in figure["layout"]["yaxis2"]["title"]["text"]
        assert figure["layout"]["xaxis2"]["dtick"] == 1  # nobody takes half a path
    assert "as if none cancelled" in at.caption[0].value


@pytest.mark.usefixtures("no_workers")
def test_before_training_asks_for_step_0(opened):
    opened("paths", depth=8, moment="start", signal="growth")
    asked = [(job.probe, job.arguments) for job in queue.pending(Shelf())]
    assert ("jacobians", {"step": 0}) in asked


@pytest.mark.usefixtures("no_workers")
def test_a_recorded_plane_is_shown_at_once_and_others_only_when_asked_for(opened):
    at = opened("paths", depth=56)
    assert len(at.get("plotly_chart")) == 1  # the plane: it ships
    at = opened("paths", depth=8)
    assert len(at.get("plotly_chart")) == 0
    assert "loss_plane" not in {job.probe for job in queue.pending(Shelf())}
    (button,) = (each for each in at.button if each.key != "present")
    button.click().run()
    assert at.query_params["plane"] == "yes"
    assert "loss_plane" in {job.probe for job in queue.pending(Shelf())}
