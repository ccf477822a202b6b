"""Where does the gradient go: what the page hands to the picture, and what it keeps in the address."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from resnet_edu.experiment import Experiment
from resnet_edu.jobs import pool, private, queue
from resnet_edu.runs import ComputeConfig, Run, RunWriter, Shelf, answers, files

pytestmark = pytest.mark.slow


def test_the_page_opens_on_the_deepest_twins_with_every_step(opened, picture):
    given = picture(opened("gradients"))
    assert [net["label"] for net in given["flow"]["nets"]] == ["plain-56", "resnet-56"]
    assert given["flow"]["nets"][0]["layer_table"]["steps"] == list(range(240))
    assert given["query"] == ""
    assert len(given["flow"]["updates"]) == 5
    assert [dial["step"] for dial in given["flow"]["dials"]] == [0, 240]


def test_the_address_names_nets_and_view(opened, picture):
    given = picture(opened("gradients", depth=20, seed=1, q="ratio", step=15))
    assert given["flow"]["nets"][1]["run"].startswith("resnet-20-digits-s1-")
    assert given["query"] == "q=ratio&step=15"


def test_a_view_to_start_from_replaces_the_view_that_was_there(opened, picture):
    at = opened("gradients", depth=20, q="ratio", pins="stages.0.0", step=7)
    at.button(key="start-2").click().run()
    assert picture(at)["query"] == "q=correlation&step=0"
    assert at.query_params["depth"] == "20"


def test_what_is_not_known_in_the_address_is_named(opened):
    at = opened("gradients", nets="mine", colour="red")
    said = " ".join(each.value for each in at.warning).replace("\\", "")
    assert "nets is 'mine'; allowed: minute" in said
    assert "'colour' is 'red', but not known" in said


def profile(source: str, layers: int) -> tuple[dict, dict]:
    facts = {"net": source, "plain": "none" in source, "depth": 8}
    names = ["stem.conv", *(f"stages.{i}.0.branch.conv{j}" for i in range(3) for j in (1, 2)), "head"]
    arrays = {
        "layer": np.array(names),
        "weight_gradient": np.ones((1, layers)),
        "activation_gradient": np.ones((1, 3)),
        "correlation": np.full((1, 3), 0.5),
    }
    return facts, arrays


def test_two_nets_at_their_start_stand_side_by_side(opened, monkeypatch, picture):
    asked = []

    def ask(source, probe, **_):
        asked.append((source, probe))
        return profile(source, 8)

    monkeypatch.setattr(private, "ask", ask)
    at = opened("gradients", of="fresh", **{"a-depth": 8, "b-depth": 8, "b-init": "orthogonal"})
    assert [net["kind"] for net in picture(at)["flow"]["nets"]] == ["plain", "residual"]
    labels = [net["label"] for net in picture(at)["flow"]["nets"]]
    assert [label.partition(", ")[2] for label in labels] == ["", "orthogonal init"]
    assert [probe for _, probe in asked] == ["fresh_profile"] * 2
    assert "net.shortcut=none" in asked[0][0]
    assert "net.init=orthogonal" in asked[1][0]


def test_a_setting_that_is_refused_says_why_and_the_other_net_is_drawn(opened, monkeypatch, picture):
    monkeypatch.setattr(private, "ask", lambda source, probe, **_: profile(source, 8))
    at = opened("gradients", of="fresh", **{"a-depth": 8, "b-depth": 8, "a-norm": "group", "a-width": 4})
    assert len(picture(at)["flow"]["nets"]) == 1
    assert "groups is 8; it must divide 4" in at.error[0].value.replace("\\", "")


@pytest.fixture
def twins_here() -> Callable[[int], list[Run]]:
    """`twins_here(3)`: 8-layer twins on the user's shelf, with three recorded steps."""

    def write(steps: int) -> list[Run]:
        queries = [{"net": net, "width": "2", "steps": str(steps or 1)} for net in ("plain-8", "resnet-8")]
        runs = [Shelf().get_or_create(Experiment.from_query(query)) for query in queries]
        layers = ("stem.conv", *(f"stages.{i}.0.branch.conv{j}" for i in range(3) for j in (1, 2)), "head")
        for run in runs:
            with RunWriter(run) as writer:
                writer.begin(ComputeConfig("cpu", "float32", layers=layers))
                norms = [[i] + [0.5] * 24 for i in range(steps)]
                writer.append_norms(np.array(norms, np.float32).reshape(steps, 25))
                rows = [{"step": i, "loss": 2.0, "lr": 0.1, "seconds": 1.0} for i in range(steps)]
                writer.append(rows, [], [])
                writer.status("done", steps or 1, 1.0)
        return runs

    return write


def here(runs) -> str:
    return f"here-{runs[1].experiment.key[:8]}"


@pytest.fixture
def only_queued(monkeypatch) -> Callable[[], list[queue.ProbeJob]]:
    """What is asked stays in the queue; recorded answers are found."""
    monkeypatch.setattr(pool, "start", lambda shelf, slot: None)
    return lambda: queue.pending(Shelf())


OFFER = "Compute one update in slow motion, and the skip dial"


def test_twins_trained_here_are_offered_what_recorded_ones_have(opened, twins_here, only_queued):
    runs = twins_here(3)
    assert not [each for each in opened("gradients").button if each.label == OFFER]
    at = opened("gradients", nets=here(runs))
    assert not only_queued()
    (offer,) = [each for each in at.button if each.label == OFFER]
    offer.click().run()
    assert sorted(job.probe for job in only_queued()) == ["one_update", "one_update", "skip_dial"]


def test_the_dial_of_one_unit_is_asked_for_and_a_failure_is_said(opened, picture, only_queued):
    address = {"depth": 8, "view": "dial", "dial": 1}
    assert picture(opened("gradients", **address))["flow"]["worker"] == "ready"
    picture(opened("gradients", **address, unit="head"))  # the picture says what that cannot mean
    assert not only_queued()
    given = picture(opened("gradients", **address, unit="stages.1.0"))
    assert given["query"] == "view=dial&dial=1&unit=stages.1.0"
    (job,) = only_queued()
    whole = {"step": 240, "units": ["stages.1.0"]}
    assert (job.probe, job.arguments) == ("skip_dial", {**whole, "alphas": [0.0, 1.0]})
    opened("gradients", **address, unit="stages.1.0", alpha=0.3)
    assert [job.arguments["alphas"] for job in only_queued()] == [[0.0, 1.0], [0.25, 1.0]]
    answers.write_error(job.folder, "no room left")
    at = opened("gradients", **address, unit="stages.1.0")
    assert picture(at)["flow"]["worker"] == "The worker has no answer: no room left."
    assert at.error[0].value == "no room left."


def errors_of(at) -> str:
    assert not at.exception
    assert not at.get("bidi_component")
    (error,) = at.error
    return error.value.replace("\\", "")


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (1, "has one recorded step only; a picture of a training needs two or more."),
        (0, "has no recorded steps; train it before drawing it."),
    ],
)
def test_runs_of_one_step_and_of_none_give_a_sentence(opened, twins_here, steps, sentence):
    runs = twins_here(steps)
    assert errors_of(opened("gradients", nets=here(runs))) == f"{runs[0].name} {sentence}"


def test_a_damaged_table_gives_a_sentence_and_a_damaged_description_hides_the_twins(
    opened, twins_here, picture
):
    runs = twins_here(3)
    address = here(runs)
    assert picture(opened("gradients", nets=address))["flow"]["steps"] == 3
    (runs[1].path / files.HOW).write_text("{")
    sys.modules["cache"].written.clear()  # the page looks once a second
    assert f"{runs[1].name} is damaged" in errors_of(opened("gradients", nets=address))
    (runs[1].path / files.EXPERIMENT).write_text("{")
    sys.modules["twins"].families.clear()
    at = opened("gradients", nets=address)
    assert picture(at)["flow"]["nets"][0]["label"] == "plain-56"
    assert f"nets is {address!r}; allowed: minute" in at.warning[0].value.replace("\\", "")
