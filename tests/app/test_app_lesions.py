"""The lesion bench, with answers written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from resnet_edu import jobs
from resnet_edu.jobs import queue
from resnet_edu.runs import Shelf, answers, files, recorded

KINDS = {"plain": 80.0, "resnet": 12.5}


def twins(depth: int = 20):
    runs = {run.name[: run.name.index("-s")]: run for run in recorded().runs() if run.experiment.seed == 0}
    return {kind: runs[f"{kind}-{depth}-digits"] for kind in KINDS}


def answer(images: int, deleted=(), frozen=(), swapped=(), of="train", error=None) -> None:
    for kind, run in twins().items():
        lesion = {
            "delete": list(deleted),
            "freeze": list(frozen),
            "swap": [list(pair) for pair in swapped],
            "of": of,
            "images": images,
        }
        folder = jobs.ask(run, "lesion", **lesion)
        facts = {"images": images, "of": of, "touched": list(deleted), "intact_error": 1.0}
        facts |= {"changed_error": KINDS[kind] + images / 1000} if error is None else {"error": error}
        arrays = {"class": np.array(["0", "1"]), "said": np.array([25.0, 75.0])}
        files.write_arrays(folder / "answer.npz", arrays)
        files.write_json(folder / answers.ANSWER, facts)


def shown(at) -> list[str]:
    return [metric.value for metric in at.metric]


@pytest.mark.usefixtures("no_workers")
def test_until_a_worker_answers_the_page_waits_with_the_bench(opened):
    at = opened("lesions")
    assert len(at.exception) == 0
    assert len(at.get("plotly_chart")) == 1
    assert "Asking both nets" in at.status[0].label
    assert [button.label for button in at.button] == ["Present", "Repair all"]
    assert at.button[1].disabled


@pytest.mark.usefixtures("no_workers")
def test_few_images_answer_first_and_more_replace_them(opened):
    answer(200, deleted=["stages.0.1"])
    at = opened("lesions", deleted="stages.0.1")
    assert shown(at) == ["80.2 %", "12.7 %"]
    assert [metric.delta for metric in at.metric] == ["+79.2 points", "+11.7 points"]
    answer(1000, deleted=["stages.0.1"])
    at.run()
    assert shown(at) == ["81.0 %", "13.5 %"]
    assert "error on 1,000 training images" in at.metric[0].label
    assert "**1**, of 75 % of the images" in " ".join(each.value for each in at.markdown)


@pytest.mark.usefixtures("no_workers")
def test_an_intact_net_shows_no_difference(opened):
    for images in (200, 1000):
        answer(images)
    at = opened("lesions")
    assert [metric.delta for metric in at.metric] == ["", ""]


@pytest.mark.usefixtures("no_workers")
def test_repair_empties_the_address(opened):
    at = opened("lesions", deleted="stages.0.1", swapped="stages.0.1~stages.0.2", tool="swap", depth=20)
    at.button[1].click().run()
    assert at.query_params == {"nets": "minute", "tool": "swap", "depth": "20"}


@pytest.mark.usefixtures("no_workers")
def test_what_was_asked_is_what_the_address_says(opened):
    changes = {"deleted": "stages.0.1,stages.2.2", "frozen": "stages.1.0", "swapped": "stages.1.1~stages.1.2"}
    opened("lesions", **changes, of="test")
    waiting = queue.pending(Shelf())
    asked = {job.path: job.arguments for job in waiting if job.probe == "lesion"}
    lesion = {"delete": ["stages.0.1", "stages.2.2"], "freeze": ["stages.1.0"]}
    lesion["swap"] = [["stages.1.1", "stages.1.2"]]
    assert asked == {run.path: lesion | {"of": "test", "images": 200} for run in twins().values()}


@pytest.mark.usefixtures("no_workers")
def test_units_are_chosen_from_a_list_as_by_clicks(opened):
    """The keyboard reaches a list, not the boxes of the drawing."""
    at = opened("lesions", depth=20)
    at.multiselect[0].select("stages.2.0").select("stages.0.1").run()
    assert at.query_params["deleted"] == "stages.0.1,stages.2.0"
    at.multiselect[0].unselect("stages.0.1").unselect("stages.2.0").run()
    assert "deleted" not in at.query_params
    at = opened("lesions", depth=20, tool="freeze", deleted="stages.0.1")
    at.multiselect[0].select("stages.1.1").run()
    assert at.query_params["frozen"] == "stages.1.1"
    assert at.query_params["deleted"] == "stages.0.1"
    at = opened("lesions", depth=20, tool="swap")
    for unit, picked in (("stages.1.1", True), ("stages.1.2", False)):
        swap = next(box for box in at.selectbox if box.label == "a unit to swap")
        swap.select(unit).run()
        assert ("picked" in at.query_params) == picked
    assert at.query_params["swapped"] == "stages.1.1~stages.1.2"


@pytest.mark.slow
@pytest.mark.usefixtures("no_workers")
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"deleted": "stages.9.9"}, "deleted is 'stages.9.9'"),
        ({"swapped": "stages.0.1"}, "swapped is 'stages.0.1'; allowed: pairs such as"),
        ({"swapped": "stages.0.1~stages.0.1"}, "allowed: pairs such as"),
        ({"swapped": "a~b~c"}, "allowed: pairs such as"),
        ({"tool": "burn"}, "tool is 'burn'; allowed: delete, freeze, swap"),
        ({"picked": "x"}, "picked is 'x'"),
    ],
)
def test_what_the_address_gets_wrong_is_named(opened, query, said):
    at = opened("lesions", **query)
    warned = " ".join(each.value.replace("\\", "") for each in at.warning)
    assert said in warned
    assert len(at.exception) == 0


@pytest.mark.usefixtures("no_workers")
def test_an_error_of_the_net_is_said_in_a_sentence(opened):
    answer(200, error="units differ in their layers")
    at = opened("lesions")
    assert "units differ in their layers." in at.error[0].value
    assert len(at.get("plotly_chart")) == 1


@pytest.mark.usefixtures("no_workers")
def test_what_ails_every_answer_is_said_once_a_run_of_the_page(opened):
    answer(200, error="the file data_batch_1 is missing")
    for run in twins().values():
        folder = jobs.ask(run, "lesions", images=1000, of="train")
        files.write_json(folder / answers.ANSWER, {"error": "the file data_batch_1 is missing"})
    at = opened("lesions")
    for _ in range(2):
        assert [each.value for each in at.error] == ["the file data\\_batch\\_1 is missing."]
        at.run()
