"""Answers are kept within a bound: what was used longest ago goes first, and nothing that is in use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from waiting import until

from resnet_edu import jobs
from resnet_edu.jobs import pool, pruning, queue
from resnet_edu.runs import Run, RunError, Shelf, answers, recorded
from resnet_edu.runs.answers import ProbeAnswer
from resnet_edu.workers import process

EACH = 1300  # bytes, about


@pytest.fixture(autouse=True)
def no_workers(monkeypatch) -> None:
    monkeypatch.setattr(pool, "start", lambda shelf, slot: None)


@pytest.fixture
def run(tiny) -> Run:
    return Shelf().get_or_create(tiny())


def write(run: Run, number: int, age: float = 3600.0) -> Path:
    """An answer of about `EACH` bytes that was used so many seconds ago."""
    folder = answers.answer_folder(run, "saliency", {"image": number})
    folder.mkdir(parents=True, exist_ok=True)
    with answers.answer_lock(folder).acquire(timeout=30):
        noise = np.random.default_rng(number).integers(0, 256, EACH - 400, np.uint8)
        answers.write_answer(folder, ProbeAnswer({"number": number}, {"map": noise}))
    used(folder, age)
    return folder


def used(folder: Path, age: float) -> None:
    then = time.time() - age
    os.utime(folder, (then, then))


def left(folders: list[Path]) -> list[int]:
    return [number for number, folder in enumerate(folders) if answers.answered(folder)]


def test_those_used_longest_ago_go_first(run):
    folders = [write(run, number, age) for number, age in enumerate((4000, 9000, 5000, 7000, 3000))]
    assert pruning.prune(Shelf(), 6 * EACH) == []
    assert pruning.prune(Shelf(), 3 * EACH) == [folders[1], folders[3]]
    assert left(folders) == [0, 2, 4]
    assert not folders[1].exists()


def test_reading_and_asking_are_uses(run):
    folders = [write(run, number, 9000 - number) for number in range(4)]
    answers.read_answer(folders[0])
    jobs.ask(run, "saliency", image=1)
    pruning.prune(Shelf(), 1)
    assert left(folders) == [0, 1]


def test_what_was_used_a_few_minutes_ago_stays(run):
    folders = [write(run, 0, 60), write(run, 1, 2000)]
    pruning.prune(Shelf(), 1)
    assert left(folders) == [0]


def test_what_is_read_or_written_stays(run):
    folders = [write(run, number, 5000) for number in range(2)]
    with answers.answer_lock(folders[0]):
        assert pruning.prune(Shelf(), 1) == [folders[1]]
    assert left(folders) == [0]


def test_what_is_queued_stays(run):
    folder = jobs.ask(run, "saliency", image=0)
    used(folder, 5000)
    (folder / "partial.npz").write_bytes(bytes(5000))
    used(folder, 5000)
    assert pruning.prune(Shelf(), 1) == []
    jobs.cancel_answer(folder)
    used(folder, 5000)
    assert pruning.prune(Shelf(), 1) == [folder]


def test_recorded_answers_are_never_touched(tmp_path, monkeypatch):
    """Neither those that ship, nor their times; new answers to recorded runs are on the user's shelf."""
    run = recorded().find("resnet-8-digits-s0")
    shipped = sorted(recorded().path.glob("*/probes/*"))
    before = {folder: folder.stat().st_mtime_ns for folder in shipped}
    assert pruning.prune(recorded(), 1) == []
    answers.read_answer(next(folder for folder in shipped if run.path in folder.parents))
    own = write(run, 10**6)
    assert Shelf().path in own.parents
    assert pruning.prune(Shelf(), 1) == [own]
    assert {folder: folder.stat().st_mtime_ns for folder in shipped} == before


def test_links_lead_nowhere(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(write(run, 0), elsewhere)
    used(elsewhere, 5000)
    (run.path / "probes" / "saliency-link").symlink_to(elsewhere)
    (Shelf().path / "linked").mkdir()
    (Shelf().path / "linked" / "probes").symlink_to(tmp_path)
    pruning.prune(Shelf(), 1)
    assert (elsewhere / answers.ANSWER).exists()


READER = """
import sys, time
from pathlib import Path
from resnet_edu.runs import RunError, answers
answers.mark_used = lambda folder: None
folders, go = [Path(word) for word in sys.argv[2:]], Path(sys.argv[1])
print("ready", flush=True)
torn = whole = 0
while not go.exists():
    for folder in folders:
        time.sleep(0.001)
        try:
            found = answers.read_answer(folder)
            whole += found.arrays["map"].size > 0
        except RunError as error:
            torn += "holds no answer yet" not in str(error)
print(torn, whole)
"""


@pytest.mark.slow
def test_a_reader_finds_a_whole_answer_or_none(run, tmp_path, monkeypatch):
    """Readers and the pruner race for the same answers, which are written again and again."""
    monkeypatch.setattr(pruning, "KEPT_SECONDS", -1.0)
    monkeypatch.setattr(answers, "mark_used", lambda folder: None)
    folders = [answers.answer_folder(run, "saliency", {"image": number}) for number in range(4)]
    command = [sys.executable, "-c", READER, str(tmp_path / "go"), *map(str, folders)]
    removed: list[Path] = []

    def again() -> bool:
        for number, folder in enumerate(folders):
            if not answers.answered(folder):
                write(run, number, 0.0)
        removed.extend(pruning.prune(Shelf(), 1))
        return len(removed) > 40

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        try:
            assert reader.stdout.readline() == "ready\n"
            until(again)
            (tmp_path / "go").touch()
            torn, whole = map(int, reader.communicate(timeout=60)[0].split())
        finally:
            reader.kill()
    assert torn == 0
    assert whole > 0


def test_workers_that_answer_prune_and_those_that_train_do_not(run, monkeypatch):
    seen: list[tuple[str, float]] = []
    monkeypatch.setattr(pruning, "prune", lambda shelf, most: seen.append((slot, most)))
    monkeypatch.setenv("RESNET_EDU_MAX_ANSWERS", "3")
    for slot in ("0", queue.QUICK, queue.SLOW, queue.LONG):
        process._prune.cache_clear()
        process.serve(Shelf(), slot, 0.01)
    assert seen == [(slot, 3e6) for slot in queue.PROBE_SLOTS]


@pytest.mark.parametrize("text", ["0", "-3", "nan", "much"])
def test_a_bound_that_is_no_number_is_named_before_a_worker_starts(text, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("RESNET_EDU_MAX_ANSWERS", text)
    with pytest.raises(RunError, match=f"RESNET_EDU_MAX_ANSWERS is '{text}'; allowed: megabytes"):
        pool.start(Shelf(), queue.QUICK)


def test_many_read_one_answer_at_once(run):
    folder, found = write(run, 0), []
    threads = [threading.Thread(target=lambda: found.append(answers.read_answer(folder))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(found) == 20)
    assert {each.facts["number"] for each in found} == {0}
