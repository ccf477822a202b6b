"""Answers that grow: kept as they go, stopped, gone on with; and only the newest question is computed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from resnet_edu import jobs, probes
from resnet_edu.jobs import pool, queue
from resnet_edu.probes.partial import Partial
from resnet_edu.runs import ComputeConfig, RunBusy, Shelf, answers
from resnet_edu.workers import answer, process

ROWS = 5


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def run(shelf, tiny, monkeypatch):
    monkeypatch.setattr(pool, "start", lambda *_: None)
    return shelf.get_or_create(tiny())


class Stub:
    """Stands for a probe of ROWS rows; `computed` says which were, `before_row` what happens meanwhile."""

    def __init__(self) -> None:
        self.computed: list[tuple[int, int]] = []
        self.before_row = lambda seed, row: None

    def __call__(self, run, probe, arguments, kept=None) -> Iterator[Partial]:
        seed = arguments.get("seed", 0)
        rows = np.full(ROWS, np.nan) if kept is None else kept["rows"]
        for row in np.flatnonzero(np.isnan(rows)).tolist():
            self.before_row(seed, row)
            self.computed.append((seed, row))
            rows[row] = 10 * seed + row
            yield Partial(row + 1, ROWS, {"seed": seed}, {"rows": rows})


@pytest.fixture
def stub(monkeypatch) -> Stub:
    stands = Stub()
    monkeypatch.setattr(probes, "iter_answer", stands)
    monkeypatch.setattr(answer, "KEEP_SECONDS", -1)  # every row
    return stands


def serve(shelf: Shelf, slot: str = queue.LONG) -> None:
    process.serve(shelf, slot, 0.01)


def rows_of(folder) -> list[float]:
    return answers.read_answer(folder)[1]["rows"].tolist()


def test_an_answer_says_how_it_came_about(shelf, run, stub):
    folder = jobs.ask(run, "loss_plane", seed=2)
    serve(shelf)
    facts, arrays = answers.read_answer(folder)
    assert arrays["rows"].tolist() == [20, 21, 22, 23, 24]
    assert (facts["run"], facts["probe"], facts["arguments"]) == (run.name, "loss_plane", {"seed": 2})
    how = facts["how"]
    assert {"device", "device_name", "threads", "versions", "commit", "seconds"} <= set(how)
    assert (how["device"], how["threads"]) == ("cpu", 1)
    assert {path.name for path in folder.iterdir()} - {"lock"} == {answers.ANSWER, answers.ARRAYS}
    assert queue.pending(shelf) == []


def test_how_far_it_is_can_be_read_meanwhile(shelf, run, stub):
    seen = []
    folder = jobs.ask(run, "loss_plane")
    stub.before_row = lambda seed, row: seen.append(jobs.answer_progress(folder))
    serve(shelf)
    assert [step.state for step in seen] == ["running"] * ROWS
    assert [step.done for step in seen] == [0, 1, 2, 3, 4]
    assert {step.total for step in seen[1:]} == {ROWS}
    assert all(step.seconds_left >= 0 for step in seen[1:])
    assert jobs.answer_progress(folder).state == "done"


@pytest.mark.parametrize("row", range(ROWS))
def test_whoever_takes_up_the_answer_of_one_who_died_goes_on(shelf, run, stub, row):
    def dies(seed, at):
        if at == row:
            raise KeyboardInterrupt  # as good as kill -9: nothing is tidied up

    folder = jobs.ask(run, "loss_plane")
    stub.before_row = dies
    with pytest.raises(KeyboardInterrupt):
        serve(shelf)
    step = jobs.answer_progress(folder)
    assert (step.state, step.done) == ("waiting", row)
    stub.before_row = lambda seed, row: None
    serve(shelf)
    assert stub.computed == [(0, i) for i in range(ROWS)], "each row once"
    assert rows_of(folder) == list(range(ROWS))


def test_rows_of_another_source_are_computed_anew(shelf, run, stub, monkeypatch):
    folder = jobs.ask(run, "loss_plane")
    stub.before_row = lambda seed, row: jobs.cancel_answer(folder) if row == 2 else None
    serve(shelf)
    stub.before_row = lambda seed, row: None
    monkeypatch.setattr(answer, "_provenance", lambda: ComputeConfig("cpu", commit="another"))
    jobs.ask(run, "loss_plane")
    serve(shelf)
    assert [row for _, row in stub.computed] == [0, 1, 2, 0, 1, 2, 3, 4]


def test_a_stopped_answer_keeps_its_rows_and_goes_on_when_asked_again(shelf, run, stub):
    folder = jobs.ask(run, "loss_plane")
    stub.before_row = lambda seed, row: jobs.cancel_answer(folder) if row == 2 else None
    serve(shelf)
    assert not answers.answered(folder)
    step = jobs.answer_progress(folder)
    assert (step.state, step.done, step.total) == ("stopped", 3, ROWS)
    stub.before_row = lambda seed, row: None
    assert jobs.ask(run, "loss_plane") == folder
    serve(shelf)
    assert [row for _, row in stub.computed] == list(range(ROWS))
    assert rows_of(folder) == list(range(ROWS))


def test_a_long_answer_that_nobody_wants_any_more_makes_room(shelf, run, stub):
    first = jobs.ask(run, "loss_plane", client="a", seed=1)
    newest = jobs.ask(run, "loss_plane", client="a", seed=2)
    stub.before_row = lambda seed, row: jobs.release(first, "a") if row == 1 else None
    serve(shelf)
    assert stub.computed == [(1, 0), (1, 1), *((2, row) for row in range(ROWS))]
    assert answers.answered(newest)


def test_a_long_answer_that_somebody_else_wants_is_finished(shelf, run, stub):
    folder = jobs.ask(run, "loss_plane", client="a")
    jobs.ask(run, "loss_plane", client="b")
    stub.before_row = lambda seed, row: jobs.release(folder, "a")
    serve(shelf)
    assert rows_of(folder) == list(range(ROWS))


def test_of_ten_questions_in_a_row_the_one_in_work_and_the_newest_are_computed(shelf, run, stub):
    """A reader moves a slider while the first answer is being computed."""
    folders = [jobs.ask(run, "saliency", client="a", seed=0)]

    def moves_on(seed, row):
        if (seed, row) == (0, 1):
            for later in range(1, 11):
                folders.append(jobs.ask(run, "saliency", client="a", seed=later))
                jobs.replace([folders[-2]], [folders[-1]], "a")

    stub.before_row = moves_on
    serve(shelf, queue.QUICK)
    assert {seed for seed, _ in stub.computed} == {0, 10}
    assert answers.answered(folders[-1])
    assert queue.pending(shelf) == []


def test_two_readers_do_not_starve_each_other(shelf, run, stub):
    """Each moves a slider while the other's answer is computed: both get answers in turn."""
    last = {}

    def ask(client: str, seed: int) -> None:
        before, now = last.get(client, []), [jobs.ask(run, "saliency", client=client, seed=seed)]
        jobs.replace(before, now, client)
        last[client] = now

    def moves_on(seed, row):
        if row == 0 and seed < 100:
            for step in (10, 20, 30):
                ask("a", seed - seed % 2 + step)
                ask("b", seed - seed % 2 + step + 1)

    ask("a", 0)
    ask("b", 1)
    stub.before_row = moves_on
    serve(shelf, queue.QUICK)
    readers = [seed % 2 for seed, row in stub.computed if row == 0]
    assert readers == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1][: len(readers)]
    assert len(readers) > 3
    assert all(answers.answered(folder) for (folder,) in last.values())


def test_what_was_withdrawn_while_others_were_seen_to_is_not_begun(shelf, run, stub):
    first, second = (jobs.ask(run, "saliency", client="a", seed=seed) for seed in (1, 2))
    waiting = queue.pending(shelf)
    jobs.release(second, "a")
    assert all(answer.handle(job) for job in waiting)
    assert {seed for seed, _ in stub.computed} == {1}
    assert answers.answered(first)


def test_long_and_quick_answers_have_a_worker_each(shelf, run, stub):
    long, quick = jobs.ask(run, "loss_plane", seed=1), jobs.ask(run, "saliency", seed=2)
    serve(shelf, "0")
    assert stub.computed == []
    serve(shelf, queue.QUICK)
    assert (answers.answered(long), answers.answered(quick)) == (False, True)
    serve(shelf, queue.LONG)
    assert answers.answered(long)


def test_what_another_process_computes_is_left_to_it(shelf, run, stub):
    folder = jobs.ask(run, "loss_plane")
    with answers.answer_lock(folder):
        serve(shelf)
        assert stub.computed == []
        assert len(queue.pending(shelf)) == 1
        assert queue.pending(shelf)[0].tries == 0
        with pytest.raises(RunBusy, match="is being computed by another process"):
            answer.answer_run(run, "loss_plane", {})
    serve(shelf)
    assert answers.answered(folder)


def test_what_another_process_has_answered_is_not_computed_again(shelf, run, stub):
    folder = jobs.ask(run, "loss_plane")
    assert answer.answer_run(run, "loss_plane", {}) == folder
    serve(shelf)
    assert len(stub.computed) == ROWS
    assert queue.pending(shelf) == []


def test_in_this_process_it_can_be_watched_stopped_and_gone_on_with(shelf, run, stub):
    seen = []
    watched = {"on_row": lambda so_far: seen.append((so_far.done, so_far.total))}
    folder = answer.answer_run(run, "loss_plane", {}, **watched, should_continue=lambda: len(seen) < 3)
    assert seen == [(1, ROWS), (2, ROWS), (3, ROWS)]
    assert not answers.answered(folder)
    answer.answer_run(run, "loss_plane", {}, **watched)
    assert seen[3:] == [(4, ROWS), (5, ROWS)]
    assert rows_of(folder) == list(range(ROWS))
    before = answers.read_answer(folder)[0]["how"]["seconds"]
    answer.answer_run(run, "loss_plane", {}, **watched)
    assert len(seen) == ROWS
    assert answers.read_answer(folder)[0]["how"]["seconds"] == before


def test_an_error_is_tried_anew_by_whoever_computes_it_here(shelf, run, stub):
    folder = jobs.ask(run, "loss_plane")
    stub.before_row = lambda seed, row: 1 / 0
    serve(shelf)
    assert "ZeroDivisionError" in json.loads((folder / answers.ANSWER).read_text())["error"]
    stub.before_row = lambda seed, row: None
    answer.answer_run(run, "loss_plane", {})
    assert rows_of(folder) == list(range(ROWS))


def test_a_run_that_is_removed_meanwhile_stays_removed(shelf, run, stub):
    jobs.ask(run, "loss_plane")
    stub.before_row = lambda seed, row: shelf.remove(run) if row == 2 else None
    serve(shelf)
    assert queue.pending(shelf) == []
    assert not run.path.exists()
