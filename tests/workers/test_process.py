"""What a worker does with jobs: trainings, and questions to trained nets."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable

import numpy as np
import pytest

from resnet_edu import jobs, training
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import RecordingConfig, Run, RunWriter, Shelf, answers, files
from resnet_edu.training import devices, loop
from resnet_edu.workers import process, train
from resnet_edu.workers.gpu import acquire_device


@pytest.fixture(autouse=True)
def step_by_step(monkeypatch):
    """A block for every step; and git is not asked each time."""
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0)
    monkeypatch.setattr(train, "_commit", lambda: "0123456789ab")


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def submitted(shelf, tiny, monkeypatch) -> Callable[..., Run]:
    """Wishes for trainings, and nobody who sees to them yet."""
    monkeypatch.setattr(pool, "start", lambda *_: None)
    return lambda **settings: jobs.submit(tiny(**settings), shelf)


def serve(shelf: Shelf, slot: str = "0") -> None:
    process.serve(shelf, slot, 0.01)


def test_wishes_are_worked_off_oldest_first(shelf, submitted, monkeypatch):
    order = []
    monkeypatch.setattr(process, "_attempt", lambda writer, *_: order.append(writer.run.name))
    runs = [submitted(seed=seed) for seed in (3, 1, 2)]
    serve(shelf)
    assert order == [run.name for run in runs]
    assert queue.pending(shelf) == []


def test_a_wish_is_trained_with_its_recording(shelf, tiny, monkeypatch):
    monkeypatch.setattr(pool, "start", lambda *_: None)
    run = jobs.submit(tiny(), shelf, recording=RecordingConfig(every_step=True, keep_weights=3))
    serve(shelf)
    assert run.status().state == "done"
    assert run.layers()["step"].nunique() == 6
    assert run.weight_steps() == [1, 2, 6]
    assert queue.pending(shelf) == []


def test_what_cannot_be_trained_is_not_tried_for_ever(shelf, submitted, capsys):
    bad, good = submitted(train=9999), submitted()
    serve(shelf)
    assert (bad.status().state, good.status().state) == ("failed", "done")
    assert queue.pending(shelf) == []
    assert "Traceback" in capsys.readouterr().err, "the log has the whole story"


def test_a_run_that_kills_its_workers_is_given_up(shelf, submitted, monkeypatch):
    run = submitted()
    begun = []

    def dies(*_, **__):
        begun.append(queue.pending(shelf)[0].tries)
        raise KeyboardInterrupt  # as good as kill -9: nothing is tidied up

    monkeypatch.setattr(process, "train_run", dies)
    for _ in range(queue.TRIES):
        with pytest.raises(KeyboardInterrupt):
            serve(shelf)
        assert len(queue.pending(shelf)) == 1
    serve(shelf)
    assert begun == [1, 2, 3]
    assert run.status().state == "failed"
    assert run.status().message == "given up after 3 tries: the process that trained it died each time"
    assert queue.pending(shelf) == []


@pytest.mark.parametrize("all_of_it", [True, False], ids=["nothing can be written", "no row can be written"])
def test_a_full_disk_is_not_tried_for_ever(shelf, submitted, monkeypatch, capsys, all_of_it):
    run = submitted()

    def full(path, _):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(files, "append", full)
    if all_of_it:
        monkeypatch.setattr(files, "replace_file", full)
    serve(shelf)
    assert queue.pending(shelf) == []
    said = "queue" if all_of_it else "steps.jsonl"
    assert "No space left on device" in (err := capsys.readouterr().err)
    assert said in err
    if not all_of_it:
        assert run.status().state == "failed"
        assert f"No space left on device: '{run.path / 'steps.jsonl'}'" in run.status().message


def test_a_finished_run_is_not_trained_again_for_a_wish_that_was_left(shelf, submitted, monkeypatch):
    run = submitted()
    (left,) = queue.pending(shelf)
    serve(shelf)
    files.write_json(left.file, left.to_dict())
    monkeypatch.setattr(train, "_begin", None)
    serve(shelf)
    assert run.status().state == "done"
    assert queue.pending(shelf) == []


def test_a_removed_run_is_forgotten(shelf, submitted):
    shelf.remove(submitted())
    serve(shelf)
    assert queue.pending(shelf) == []


def test_a_run_that_another_worker_trains_is_left_to_it(shelf, submitted):
    run, free = submitted(), submitted(seed=1)
    with RunWriter(run):
        serve(shelf)
    assert free.status().state == "done"
    assert [left.run for left in queue.pending(shelf)] == [run.name]
    assert queue.pending(shelf)[0].tries == 0


def test_a_wish_made_anew_while_it_was_worked_off_is_kept(shelf, submitted, monkeypatch):
    """Stop, and train again before the worker has heard of the first."""
    run = submitted()
    whole_train = training.train

    def changed_mind(*arguments, **options):
        for block in whole_train(*arguments, **options):
            yield block
            if block.step == 2 and not options["resume"]:
                jobs.cancel(run)

    heard = RunWriter.status

    def too_late(self, state, *arguments):
        heard(self, state, *arguments)
        if state == "stopped":
            jobs.submit(run.experiment, shelf)

    monkeypatch.setattr(training, "train", changed_mind)
    monkeypatch.setattr(RunWriter, "status", too_late)
    serve(shelf)
    assert run.status().state == "done"
    assert queue.pending(shelf) == []


def test_a_slot_has_one_worker(shelf, submitted):
    run = submitted()
    with pool.slot_lock(shelf, "0"):
        started = time.monotonic()
        serve(shelf, "0")
        assert time.monotonic() - started < 5
        assert run.status().state == "queued"
        serve(shelf, "1")
    assert run.status().state == "done"


def test_a_worker_goes_home_when_nothing_was_asked_for_long_enough(shelf, submitted):
    submitted()
    serve(shelf)
    started = time.monotonic()
    process.serve(shelf, "0", 0.3)
    assert 0.3 <= time.monotonic() - started < 5


def test_what_has_no_room_waits(shelf, submitted, monkeypatch):
    run = submitted()
    monkeypatch.setenv("RESNET_EDU_WORKERS", "1")
    with monkeypatch.context() as patched:
        patched.setattr(devices, "available_devices", lambda: ["cuda", "cpu"])
        with acquire_device(shelf, run):
            serve(shelf)
    assert run.status().state == "queued"
    assert len(queue.pending(shelf)) == 1
    serve(shelf)
    assert run.status().state == "done"


@pytest.fixture
def question(shelf, tiny, monkeypatch):
    """A trained run's folder for an answer, asked of nobody yet."""
    monkeypatch.setattr(pool, "start", lambda *_: None)
    run = shelf.get_or_create(tiny())
    train.train_run(run)
    return lambda probe, **arguments: jobs.ask(run, probe, **arguments)


def answered(folder) -> dict:
    return json.loads((folder / answers.ANSWER).read_text())


def test_a_probe_is_answered_by_the_worker_for_answers(shelf, question):
    folder = question("images", count=3)
    serve(shelf, "0")
    assert not (folder / answers.ANSWER).exists(), "one who trains has no time"
    serve(shelf, queue.QUICK)
    assert len(answered(folder)["labels"]) == 3
    with np.load(folder / "answer.npz") as arrays:
        assert arrays["images"].shape == (3, 1, 8, 8)
    assert queue.pending(shelf) == []


def test_the_worker_for_answers_does_not_train(shelf, question, tiny):
    run = jobs.submit(tiny(seed=1), shelf)
    serve(shelf, queue.QUICK)
    assert run.status().state == "queued"


@pytest.mark.parametrize(
    ("probe", "arguments", "error"),
    [
        ("x-ray", {}, "probe is 'x-ray'; allowed: saliency, images, "),
        ("saliency", {"image": 999}, "image is 999; allowed: 0 … 296"),
        ("saliency", {"picture": 1}, "saliency: got an unexpected keyword argument 'picture'"),
    ],
)
def test_errors_are_answers_for_people(shelf, question, probe, arguments, error):
    folder = question(probe, **arguments)
    serve(shelf, queue.QUICK)
    assert list(answered(folder)) == ["error"]
    assert answered(folder)["error"].startswith(error)
    assert queue.pending(shelf) == []


def test_what_nobody_thought_of_is_in_the_log(shelf, question, monkeypatch, capsys):
    from resnet_edu import probes

    monkeypatch.setattr(probes, "iter_answer", lambda *_: 1 / 0)
    folder = question("images")
    serve(shelf, queue.QUICK)
    assert answered(folder) == {"error": "ZeroDivisionError while computing this; the workers' log has more"}
    assert "division by zero" in capsys.readouterr().err


def test_a_question_that_kills_the_worker_is_given_up(shelf, question, monkeypatch):
    from resnet_edu import probes

    def dies(*_):
        raise KeyboardInterrupt

    folder = question("images")
    with monkeypatch.context() as patched:
        patched.setattr(probes, "iter_answer", dies)
        for _ in range(queue.TRIES):
            with pytest.raises(KeyboardInterrupt):
                serve(shelf, queue.QUICK)
        serve(shelf, queue.QUICK)
    assert answered(folder)["error"].startswith("given up after 3 tries")
    assert queue.pending(shelf) == []


def test_a_removed_run_s_questions_are_forgotten(shelf, question):
    question("images")
    shelf.remove(shelf.runs()[0])
    serve(shelf, queue.QUICK)
    assert queue.pending(shelf) == []
    assert shelf.runs() == []
    assert not list(shelf.path.glob("resnet*")), "nor does the answer bring its folder back"


def test_half_precision_answers_from_the_packed_run(shelf, question, tmp_path):
    from resnet_edu.runs import pack

    run = shelf.runs()[0]
    packed = pack(run, tmp_path / "packed", weights="last")
    folder = jobs.ask(packed, "images", count=2)
    serve(Shelf(packed.path.parent), queue.QUICK)
    assert len(answered(folder)["predicted"]) == 2
