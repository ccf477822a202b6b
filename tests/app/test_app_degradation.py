"""The first page, in Streamlit's simulated browser."""

from __future__ import annotations

import sys

import pytest

from resnet_edu.jobs import queue
from resnet_edu.runs import RunWriter, Shelf, files

PLAN = {"view": "here", "train": "8,20", "seeds": 1, "steps": 12}


def charts(at) -> int:
    assert not at.exception
    return len(at.get("plotly_chart"))


def button(at, label: str):
    found = [each for each in at.button if each.label == label]
    assert found, f"no button says {label!r}; there are {[each.label for each in at.button]}"
    return found[0]


def said(elements) -> str:
    return " ".join(each.value.replace("\\", "") for each in elements)


def test_recorded_runs_are_drawn_at_once_with_their_verdict_and_origin(opened, picture):
    at = opened("degradation")
    assert charts(at) == 3
    assert at.title[0].value == "Does a deeper net train worse?"
    assert not at.warning
    assert not at.error
    text = said(at.markdown)
    assert "supported" in text
    assert "56 layers end at" in text
    assert "Shortcut at 56 layers: worth +83.3 points." in said(at.caption)
    assert "Residual 56 against 8 layers: not settled (+0.6 points, bounds −0.9 and +2.0)." in said(
        at.caption
    )
    assert picture(at)["query"] == ""
    assert "Digits, 240 steps (minute)" in at.selectbox[0].options
    assert "CIFAR-10 at 16×16, 1,500 steps (lesson-cifar)" in at.selectbox[0].options
    assert "torch" in text
    assert "Decision rule" in at.code[0].value


def test_the_url_sets_every_control(opened, picture):
    at = opened("degradation", depths="8,20", error="test", seed=2, step=50)
    assert charts(at) == 3
    assert at.session_state["url-depths"] == [8, 20]
    assert at.session_state["url-error"] == "test"
    assert at.session_state["url-seed"] == 2
    assert picture(at)["query"] == "step=50"
    assert picture(at)["flow"]["nets"][0]["run"].startswith("plain-20-digits-s2-")
    assert "seed 2" in said(at.markdown)


def test_a_control_writes_itself_into_the_url(opened):
    at = opened("degradation")
    at.button_group(key="url-error").set_value("test").run()
    assert at.query_params["error"] == "test"
    assert charts(at) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("view", "sideways", "recorded, here"),
        ("study", "forever", "minute"),
        ("depths", "8,9", "8, 20, 56"),
        ("depths", "", "8, 20, 56"),
        ("error", "none", "training, test"),
        ("seed", "-1", "0, 1, 2"),
        ("seed", "zero", "0, 1, 2"),
        ("train", "9", "8, 14, 20, 32, 44, 56"),
        ("seeds", "30", "1, 2, 3"),
        ("lr", "200", "0 … 100"),
        ("lr", "nan", "0 … 100"),
        ("steps", "0", "1 … 10"),
        ("width", "1.5", "1 … 1024"),
        ("first_seed", "-5", "0 …"),
        ("first_seed", "4294967294", "the last seed is 4294967296; allowed: 0 … 4294967295"),
        ("colour", "red", "known here: view"),
        ("seed", "![x](http://example.com/x.png)", "0, 1, 2"),
    ],
)
def test_a_bad_url_is_named_and_the_default_used(opened, name, value, allowed):
    at = opened("degradation", **{name: value})
    assert charts(at) == 3
    assert len(at.warning) == 1
    message = said(at.warning)
    assert name.removeprefix("first_") in message
    assert allowed in message
    assert value[:50] in message.replace("\u200b", "")  # by which links are parted
    assert "![" not in at.warning[0].value  # nobody's address brings Markdown with it


def test_a_name_that_is_not_known_brings_no_lines_of_its_own(opened):
    at = opened("degradation", **{"x\n\n# big": 1})
    assert len(at.warning) == 1
    assert "\n" not in at.warning[0].value


def test_train_it_here_submits_the_whole_minute_study_and_watches_it(opened, no_workers):
    at = opened("degradation")
    button(at, "Train it here").click().run()
    assert not at.exception
    assert at.query_params["view"] == "here"
    assert at.query_params["live"] == "1"
    assert len(Shelf().runs()) == 18
    assert button(at, "Training …").disabled
    assert "0 of 18 trainings have ended" in at.get("progress")[0].proto.text


def test_what_the_first_worker_does_before_its_first_step_is_said(opened, no_workers):
    at = opened("degradation", **PLAN)
    button(at, "Train it here").click().run()
    with RunWriter(Shelf().runs()[0]) as writer:
        writer.status("running", 0, 0.0, "measuring something")
        sys.modules["cache"].statuses.clear()  # else a second passes
        at.run()
    assert at.get("progress")[0].proto.text.endswith("· measuring something")


def test_a_plan_of_ones_own_is_trained_once_and_can_be_stopped_and_continued(opened, no_workers):
    at = opened("degradation", **PLAN, lr="0.05")
    button(at, "Train it here").click().run()
    assert {run.experiment.recipe.lr for run in Shelf().runs()} == {0.05}
    assert len(Shelf().runs()) == 4
    reloaded = opened("degradation", **at.query_params)
    assert len(Shelf().runs()) == 4
    button(reloaded, "Stop training").click().run()
    assert {run.status().state for run in Shelf().runs()} == {"stopped"}
    assert not queue.pending(Shelf())
    button(reloaded, "Continue training").click().run()
    assert {run.status().state for run in Shelf().runs()} == {"queued"}
    assert len(Shelf().runs()) == 4


def test_what_has_ended_is_shown_whole_and_can_be_trained_again(opened, trained, no_workers):
    trained()
    at = opened("degradation", **PLAN)
    assert charts(at) == 3
    assert "not settled at this budget" in said(at.markdown)
    assert "Same seeds, same numbers" in said(at.markdown)
    assert "layers: not settled (+0.0 points)." in said(at.caption)
    button(at, "Train it again").click().run()
    assert at.query_params["live"] == "2"
    assert len(Shelf().runs()) == 8
    first = opened("degradation", **PLAN, live=1)
    assert charts(first) == 3
    assert button(first, "Train it again")


def test_the_url_may_name_a_training_that_is_not_here(opened):
    at = opened("degradation", **PLAN, live=1)
    assert "this machine does not have" in said(at.info)
    assert button(at, "Train it here")


def test_a_typed_value_that_cannot_be_trained_is_said_beside_it(opened):
    at = opened("degradation", **PLAN)
    at.text_input(key="url-lr").set_value("200").run()
    assert "lr is 200.0; allowed: 0 … 100" in said(at.error)
    assert button(at, "Train it here").disabled
    assert "lr" not in at.query_params
    at.text_input(key="url-lr").set_value("0.2").run()
    assert not at.error
    assert at.query_params["lr"] == "0.2"


def test_a_damaged_run_is_a_sentence(opened, trained):
    run = trained()[0]
    (run.path / files.HOW).write_text("{")
    at = opened("degradation", **PLAN)
    assert not at.exception
    assert "how.json is damaged" in said(at.error)


@pytest.mark.parametrize("name", [files.EVALS, files.STATUS])
def test_a_damaged_run_is_a_row_among_the_others(opened, trained, name):
    run = trained()[0]
    (run.path / name).write_text('{"step":0}\n{"step":0}\n')
    at = opened("degradation", **PLAN)
    assert not at.exception
    states = at.dataframe[-1].value["state"].tolist()
    assert states.count("damaged") == 1
    assert set(states) == {"damaged", "done"}


def test_a_failed_training_says_why(opened, trained):
    run = trained()[0]
    files.write_json(
        run.path / files.STATUS, {"state": "failed", "step": 3, "seconds": 1, "message": "no * room"}
    )
    at = opened("degradation", **PLAN)
    assert "failed; no * room" in said(at.warning)


def test_a_shelf_that_cannot_be_written_is_a_sentence(opened, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RESNET_EDU_RUNS", str(tmp_path / "file" / "runs"))
    at = opened("degradation")
    button(at, "Train it here").click().run()
    assert not at.exception
    assert "Not a directory" in said(at.error)
