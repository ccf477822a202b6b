"""Who trains what, and when: the queue by itself."""

from __future__ import annotations

import os

import pytest

from resnet_edu import host, jobs
from resnet_edu.experiment import Experiment, ImageFolder
from resnet_edu.jobs import pool, queue
from resnet_edu.runs import ComputeRequest, Run, RunError, RunWriter, Shelf, answers, files, recorded


@pytest.fixture
def started(monkeypatch) -> list[str]:
    """The slots for which a worker would have been started; nobody comes."""
    slots: list[str] = []
    monkeypatch.setattr(pool, "start", lambda shelf, slot: slots.append(slot))
    return slots


def end(run: Run, state: str = "done") -> None:
    """As if somebody had trained it."""
    with RunWriter(run) as writer:
        writer.status(state, 6, 1.0)
    for job in queue.pending(Shelf(run.path.parent)):
        if job.run == run.name:
            queue.complete(job)


def waiting() -> list[str]:
    return [job.run for job in queue.pending(Shelf())]


def test_as_many_at_once_as_there_are_cores(monkeypatch):
    assert jobs.slots() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("RESNET_EDU_WORKERS", "7")
    assert jobs.slots() == 7


@pytest.mark.parametrize("told", ["0", "-1", "many", "1.5", "2000", "²"])
def test_a_number_of_workers_that_makes_no_sense(monkeypatch, told):
    monkeypatch.setenv("RESNET_EDU_WORKERS", told)
    with pytest.raises(RunError, match=f"^RESNET_EDU_WORKERS is {told!r}; allowed: 1 … 1024$"):
        jobs.slots()


def test_what_is_submitted_twice_waits_once(tiny, started):
    one, other = jobs.submit(tiny()), jobs.submit(tiny())
    assert one.path == other.path
    assert waiting() == [one.name]
    assert one.status().state == "queued"


def test_first_come_first_served(tiny, started):
    names = [jobs.submit(tiny(seed=seed)).name for seed in (5, 1, 3)]
    assert waiting() == names


def test_asking_again_keeps_the_place_and_gives_all_tries_again(tiny, started):
    names = [jobs.submit(tiny(seed=seed)).name for seed in (5, 1)]
    queue.begin_attempt(queue.pending(Shelf())[0])
    jobs.submit(tiny(seed=5))
    assert waiting() == names
    assert [job.tries for job in queue.pending(Shelf())] == [0, 0]


def test_workers_are_started_as_there_is_work_and_room(tiny, started, monkeypatch):
    monkeypatch.setenv("RESNET_EDU_WORKERS", "2")
    jobs.submit(tiny())
    assert started == ["0"]
    jobs.submit(tiny(seed=1))
    jobs.submit(tiny(seed=2))
    assert started == ["0", "0", "1", "0", "1"]


def test_what_is_done_is_left_as_it_is(tiny, started):
    run = jobs.submit(tiny())
    end(run)
    started.clear()
    assert jobs.submit(tiny()).path == run.path
    assert (waiting(), started) == ([], [])
    assert run.status().state == "done"


@pytest.mark.parametrize("state", ["stopped", "interrupted", "failed"])
def test_what_was_not_finished_is_continued(tiny, started, state):
    run = jobs.submit(tiny())
    end(run, "running" if state == "interrupted" else state)
    assert run.status().state == state
    assert jobs.submit(tiny(), again=True).path == run.path
    assert waiting() == [run.name]
    assert run.status().state == "queued"
    assert run.status().step == 6


@pytest.mark.parametrize("state", ["done", "diverged"])
def test_again_is_another_attempt_once_the_last_has_ended(tiny, started, state):
    run = jobs.submit(tiny(), again=True)
    end(run, state)
    second = jobs.submit(tiny(), again=True)
    assert second.name == f"{run.name}~2"
    assert jobs.submit(tiny(), again=True).path == second.path, "that one has not even begun"
    assert waiting() == [second.name]
    assert run.status().state == state


def test_what_is_being_trained_is_watched(tiny, started):
    run = jobs.submit(tiny())
    with RunWriter(run) as writer:
        writer.status("running", 2, 0.5)
        queue.complete(queue.pending(Shelf())[0])
        assert jobs.submit(tiny()).status().state == "running"
        assert waiting() == []


def test_a_waiting_run_is_cancelled_at_once(tiny, started):
    run = jobs.submit(tiny())
    jobs.cancel(run)
    assert waiting() == []
    assert run.status().state == "stopped"
    jobs.submit(tiny())
    assert waiting() == [run.name]
    assert run.status().state == "queued"
    assert not run.stop_requested()


def test_a_running_run_is_asked_to_stop(tiny, started):
    run = jobs.submit(tiny())
    with RunWriter(run) as writer:
        writer.status("running", 2, 0.5)
        jobs.cancel(run)
        assert waiting() == []
        assert not writer.should_continue()
        assert run.status().state == "running"
        jobs.submit(tiny())
        assert writer.should_continue(), "changed one's mind before the worker heard of it"
        assert waiting() == [run.name]


def test_cancel_all_leaves_what_has_ended(tiny, started):
    runs = [jobs.submit(tiny(seed=seed)) for seed in range(3)]
    end(runs[1])
    jobs.cancel_all(runs)
    assert [run.status().state for run in runs] == ["stopped", "done", "stopped"]
    assert waiting() == []


def test_a_study_s_extremes_keep_more_weights(tiny, started):
    jobs.submit_all([tiny(depth=depth) for depth in (20, 14, 8)])
    kept = [job.recording.keep_weights for job in queue.pending(Shelf())]
    assert kept == [8, 1, 8]
    assert jobs.submit_all([]) == []


def test_a_study_is_trained_again_once_all_of_it_has_ended(tiny, started):
    arms = [tiny(seed=seed) for seed in range(3)]
    runs = jobs.submit_all(arms, again=True)
    for run in runs[:2]:
        end(run)
    assert [run.name for run in jobs.submit_all(arms, again=True)] == [run.name for run in runs]
    end(runs[2])
    assert [run.name for run in jobs.submit_all(arms)] == [run.name for run in runs]
    assert [run.name for run in jobs.submit_all(arms, again=True)] == [f"{run.name}~2" for run in runs]


def test_half_written_jobs_are_skipped(tiny, started):
    run = jobs.submit(tiny())
    (Shelf().path / queue.QUEUE / "torn.json").write_text('{"run": ')
    assert waiting() == [run.name]
    assert queue.pending(Shelf("nowhere")) == []


def test_tries_are_counted_and_limited(tiny, started):
    jobs.submit(tiny())
    for tries in range(queue.TRIES):
        (job,) = queue.pending(Shelf())
        assert job.tries == tries
        assert queue.begin_attempt(job)
    (job,) = queue.pending(Shelf())
    assert not queue.begin_attempt(job)
    jobs.submit(tiny())
    assert queue.begin_attempt(job), "a new request has all its tries"


def test_a_try_that_got_to_a_checkpoint_does_not_count(tiny, started):
    run = jobs.submit(tiny())
    (job,), checkpoint = queue.pending(Shelf()), run.path / "checkpoint.safetensors"
    for _ in range(2 * queue.TRIES):
        assert queue.begin_attempt(job, checkpoint)
        checkpoint.touch()
        began = job.file.stat().st_mtime_ns
        os.utime(checkpoint, ns=(began + 1, began + 1))
    for _ in range(queue.TRIES):
        assert queue.begin_attempt(job, checkpoint)
        os.utime(checkpoint, ns=(began - 1, began - 1))
    assert not queue.begin_attempt(job, checkpoint)


def test_a_damaged_job_is_put_there_again(tiny, started):
    run = jobs.submit(tiny())
    run.job_file.write_text('{"run": ')
    jobs.submit(tiny())
    assert waiting() == [run.name]


def test_a_wish_made_anew_is_not_taken_for_the_old_one(tiny, started):
    run = jobs.submit(tiny())
    (old,) = queue.pending(Shelf())
    jobs.cancel(run)
    jobs.submit(tiny())
    queue.complete(old)
    assert waiting() == [run.name]
    queue.complete(queue.pending(Shelf())[0])
    queue.complete(old)
    assert waiting() == []


def test_a_question_is_asked_once(tiny, started):
    run = Shelf().get_or_create(tiny())
    folder = jobs.ask(run, "saliency", image=3, method="saliency")
    assert jobs.ask(run, "saliency", method="saliency", image=3) == folder
    assert jobs.ask(run, "saliency", method="saliency", image=4) != folder
    assert folder.parent == run.path / "probes"
    assert len(queue.pending(Shelf())) == 2
    assert set(started) == {queue.QUICK}


def test_an_answered_question_is_not_asked_again(tiny, started):
    folder = jobs.ask(Shelf().get_or_create(tiny()), "images", count=2)
    queue.complete(queue.pending(Shelf())[0])
    files.write_json(folder / answers.ANSWER, {"labels": []})
    started.clear()
    assert jobs.ask(Shelf().runs()[0], "images", count=2) == folder
    assert (queue.pending(Shelf()), started) == ([], [])


def test_answers_of_runs_that_ship_are_kept_on_the_user_s_shelf(started):
    run = recorded().runs()[0]
    before = sorted(run.path.rglob("*"))
    folder = jobs.ask(run, "images", count=2)
    assert folder.is_relative_to(Shelf().path)
    (job,) = queue.pending(Shelf())
    assert job.path == run.path
    assert Shelf().runs() == []
    assert sorted(run.path.rglob("*")) == before


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '"run"',
        '{"run": "x", "tries": 0}',
        '{"run": "x", "at": "now", "tries": 0, "recording": {}}',
        '{"run": 3, "at": 1, "tries": 0, "recording": {}}',
        '{"run": "x", "at": 1, "tries": 0}',
        '{"run": "../x", "at": 1, "tries": 0, "recording": {}}',
        '{"run": "/x", "at": 1, "tries": 0, "recording": {}}',
        '{"probe": "images", "path": "x", "at": 1, "tries": 0, "arguments": {}}',
        '{"probe": "images", "path": "x", "folder": "/elsewhere", "at": 1, "tries": 0, "arguments": {}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_job_is_skipped(content):
    shelf = Shelf()
    folder = shelf.path / queue.QUEUE
    folder.mkdir(parents=True)
    (folder / "bad.json").write_text(content)
    assert queue.pending(shelf) == []


@pytest.mark.parametrize("probe", ["../x", "", "X"])
def test_a_probe_has_a_plain_name(tiny, probe):
    shelf = Shelf()
    with pytest.raises(RunError, match="probe is"):
        jobs.ask(shelf.get_or_create(tiny()), probe)


def test_idle_seconds_are_checked_where_somebody_reads_it(tiny, monkeypatch):
    shelf = Shelf()
    monkeypatch.setenv("RESNET_EDU_IDLE", "soon")
    with pytest.raises(RunError, match="RESNET_EDU_IDLE is 'soon'; it takes seconds"):
        jobs.submit(tiny(), shelf)


def test_a_folder_of_images_is_named_by_its_content_when_it_is_submitted(tmp_path, started):
    """Else every folder were the same experiment."""
    from pictures import folder_of_jpegs

    folders = [folder_of_jpegs(tmp_path / str(n), train=n, test=1) for n in (1, 2)]
    ones = [Experiment(data=ImageFolder(path=str(folder))) for folder in folders]
    assert ones[0].key == ones[1].key
    runs = [jobs.submit(one) for one in ones]
    assert runs[0].path != runs[1].path
    assert all(len(run.experiment.data.digest) == 64 for run in runs)
    assert [run.path for run in jobs.submit_all(ones)] == [run.path for run in runs]


def test_a_folder_without_a_name_is_not_trained_on(tmp_path):
    from pictures import folder_of_jpegs

    from resnet_edu.workers.train import train_run

    folder = folder_of_jpegs(tmp_path / "jpegs", train=1, test=1)
    run = Shelf().get_or_create(Experiment(data=ImageFolder(path=str(folder))))
    with pytest.raises(RunError, match=r"data\.digest is empty, so it could be any folder"):
        train_run(run, ComputeRequest(device="cpu"))


@pytest.mark.parametrize(
    ("cores", "arms", "threads"), [(2, 18, (1,)), (8, 5, (1,)), (8, 4, (1, 2)), (64, 12, (1, 5))]
)
def test_few_arms_share_all_cores(tiny, started, monkeypatch, cores, arms, threads):
    """The job says what was offered, so that all arms choose among the same."""
    monkeypatch.setattr(host, "cores", lambda: cores)
    jobs.submit_all([tiny(seed=seed) for seed in range(arms)])
    assert [job.threads for job in queue.pending(Shelf())] == [threads] * arms
