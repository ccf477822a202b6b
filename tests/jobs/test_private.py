"""Answers over a pipe: what they are, that nothing lands on disk, and what happens when the child dies."""

import contextlib
import io
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from waiting import until

from resnet_edu import pictures, probes
from resnet_edu.jobs import private
from resnet_edu.jobs.private import ProbeError, Superseded, ask, pack, receive, send, unpack
from resnet_edu.runs import Shelf
from resnet_edu.workers import private as child
from resnet_edu.workers import train

pytestmark = pytest.mark.xdist_group("direct")


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny):
    trained = Shelf(tmp_path_factory.mktemp("shelf")).get_or_create(tiny())
    train.train_run(trained)
    return trained


@pytest.fixture(scope="module", autouse=True)
def no_child_left():
    yield
    private.stop()


@pytest.fixture
def pixels(run):
    return pictures.fitted(pictures.photograph("flower"), *pictures.size_for(run.experiment.data))


def files_below(*folders):
    return {
        path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.slow
def test_an_answer_is_the_probe_s_own_and_nothing_lands_on_disk(run, pixels, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    private.stop()
    monkeypatch.setenv("TMPDIR", str(temporary))
    before = files_below(run.path.parent, tmp_path)
    for method in ("saliency", "integrated_gradients", "smooth_grad"):
        facts, arrays = ask(run, "saliency", pixels=pixels, method=method, target=3)
        expected, ours = probes.answer(run, "saliency", {"pixels": pixels, "method": method, "target": 3})
        assert {name: value for name, value in facts.items() if isinstance(value, str | int | list)} == {
            name: value for name, value in expected.items() if isinstance(value, str | int | list)
        }
        assert arrays.keys() == ours.keys()
        for name, array in arrays.items():
            assert array.dtype == ours[name].dtype
            np.testing.assert_allclose(array, ours[name], rtol=1e-3, atol=1e-4 * np.abs(ours[name]).max())
    assert files_below(run.path.parent, tmp_path) == before


@pytest.mark.slow
def test_one_child_answers_all_and_is_warm(run, pixels):
    ask(run, "saliency", pixels=pixels)
    first = child_of_quick().pid
    private.prewarm()
    ask(run, "images", count=3, step=0)
    assert child_of_quick().pid == first
    environment = Path(f"/proc/{first}/environ")
    assert not environment.exists() or b"OMP_NUM_THREADS=1" in environment.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "probe", "asked", "message"),
    [
        (None, "x-ray", {}, "probe is 'x-ray'; allowed: saliency"),
        (None, "saliency", {}, "give the number of a test image as image, or pixels"),
        (None, "saliency", {"pixels": np.zeros((9, 9), np.uint8)}, "pixels are uint8 (9, 9); this net takes"),
        (None, "saliency", {"image": 0, "method": "gaze"}, "method is 'gaze'; allowed: saliency"),
        (None, "saliency", {"image": 0, "step": 5}, "step is 5; "),
        ("torchvision:vgg-16", "saliency", {}, "name is 'vgg-16'; official weights exist for resnet-18"),
        ("elsewhere", "saliency", {}, "source is 'elsewhere'; allowed: a run, torchvision:resnet-50 and its"),
    ],
)
def test_what_cannot_be_asked_is_told_in_the_probe_s_words(run, source, probe, asked, message):
    with pytest.raises(ProbeError) as caught:
        ask(source or run, probe, **asked)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_run_that_is_gone_is_told(tiny, tmp_path):
    run = Shelf(tmp_path).get_or_create(tiny(seed=3))
    (run.path / "experiment.json").unlink()
    with pytest.raises(ProbeError, match="is no run"):
        ask(run, "saliency", image=0)


@pytest.mark.slow
def test_questions_without_a_client_are_all_answered(run):
    found = []
    threads = [
        threading.Thread(target=lambda i=i: found.append(ask(run, "saliency", image=i)[0]["label"]))
        for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    labels = ask(run, "images", count=6)[0]["labels"]
    assert sorted(found) == sorted(labels)


STAND_IN = """
import os, sys, time
from resnet_edu.jobs.private import pack, receive, send, unpack
while True:
    question, arrays = unpack(receive(sys.stdin.buffer))
    if question["probe"] == "die":
        os._exit(1)
    if question["probe"] == "dawdle":
        time.sleep(60)
    send(sys.stdout.buffer, pack({"pid": os.getpid()}, arrays))
"""


@pytest.fixture
def stand_in(monkeypatch):
    """A child that imports no torch, and can be told to die or to dawdle."""
    private.stop()
    monkeypatch.setattr(private, "COMMAND", (sys.executable, "-c", STAND_IN))
    yield
    private.stop()


def child_of_quick():
    return private._lanes["quick"].child.process


def pid():
    return ask("a net", "say")[0]["pid"]


def test_a_child_that_died_while_idle_is_replaced(stand_in):
    first = pid()
    assert pid() == first
    child_of_quick().kill()
    child_of_quick().wait()
    assert pid() != first


def test_a_child_that_dies_while_computing_is_an_error_and_then_replaced(stand_in):
    first = pid()
    with pytest.raises(ProbeError, match="the process that computed the answer died: ask for less, or try"):
        ask("a net", "die")
    assert pid() != first


def test_what_takes_too_long_is_given_up(stand_in):
    first = pid()
    dawdling = child_of_quick()
    with pytest.raises(ProbeError, match=r"no answer within 0\.3 seconds: ask for less, or try again"):
        ask("a net", "dawdle", timeout=0.3)
    assert dawdling.poll() is not None, "nothing goes on computing what nobody waits for"
    assert pid() != first


def test_a_timeout_that_comes_with_the_answer_harms_nobody(stand_in):
    for _ in range(10):
        with contextlib.suppress(ProbeError):
            ask("a net", "say", timeout=0.002)
        assert pid()


def test_large_arrays_go_both_ways(stand_in):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 1024, 1024), np.uint8)
    _, arrays = ask("a net", "say", pixels=pixels)
    assert np.array_equal(arrays["pixels"], pixels)


def test_of_a_slider_s_many_values_only_the_newest_is_computed(run, monkeypatch):
    computed, found = [], {}
    busy, go_on = threading.Event(), threading.Event()

    def exchange(child, content, timeout):
        question, _ = unpack(content)
        computed.append(question["arguments"]["image"])
        busy.set()
        go_on.wait(30)
        return pack({"image": computed[-1]}, {})

    def move(image, client="a browser"):
        try:
            found[image] = ask(run, "saliency", client=client, image=image)[0]["image"]
        except Superseded as error:
            found[image] = str(error)

    monkeypatch.setattr(private, "_exchange", exchange)
    threads = [threading.Thread(target=move, args=(0,))]
    threads[0].start()
    busy.wait(30)
    for image in range(1, 6):
        threads.append(threading.Thread(target=move, args=(image,)))
        threads[-1].start()
        until(lambda image=image: [each["arguments"]["image"] for each in waiting_questions()] == [image])
    threads.append(threading.Thread(target=move, args=(9, "another browser")))
    threads[-1].start()
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert sorted(computed) == [0, 5, 9], "the one that was being computed, the newest, and another's"
    assert found[0] == 0
    assert found[5] == 5
    assert found[9] == 9
    assert all("newer question" in found[image] for image in range(1, 5))


class Held:
    """A stand-in for the children: questions are computed when `go_on` is set."""

    def __init__(self, monkeypatch):
        self.computed, self.busy, self.go_on = [], threading.Event(), threading.Event()
        monkeypatch.setattr(private, "_exchange", self.exchange)

    def exchange(self, child, content, timeout):
        question, _ = unpack(content)
        self.computed.append(question["probe"])
        self.busy.set()
        self.go_on.wait(30)
        return pack({"probe": question["probe"]}, {})


@pytest.fixture
def held(monkeypatch):
    held = Held(monkeypatch)
    yield held
    held.go_on.set()


def in_a_thread(*asked, **more):
    """Asks in a thread; `join` waits for its end."""

    def run():
        with contextlib.suppress(ProbeError):
            ask(*asked, **more)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def waiting_questions(lane="quick"):
    return [unpack(each.content)[0] for each in list(private._lanes[lane].waiting.values())]


def test_a_slow_question_of_one_visitor_does_not_hold_up_a_quick_one_of_another(stand_in):
    slow = in_a_thread("torchvision:resnet-50", "dawdle")
    until(lambda: private._lanes["slow"].computing)
    assert pid()
    assert slow.is_alive()
    private.stop()
    slow.join(30)


@pytest.mark.parametrize(
    ("source", "probe", "lane"),
    [
        ("fresh:net=plain-20", "fresh_profile", "quick"),
        ("a run", "saliency", "quick"),
        ("a run", "trust", "slow"),
        ("torchvision:resnet-50", "saliency", "slow"),
    ],
)
def test_questions_go_to_the_child_of_their_speed(source, probe, lane):
    assert private._lane_of(source, probe) == lane


def test_who_no_longer_waits_leaves_the_queue(held):
    first = in_a_thread("a net", "first")
    held.busy.wait(30)

    def gone():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask("a net", "second", client="a browser", on_wait=gone)
    assert not waiting_questions()
    held.go_on.set()
    first.join(30)
    ask("a net", "third")
    assert held.computed == ["first", "third"]


def test_equal_questions_are_computed_once_for_all_who_wait(held):
    first = in_a_thread("a net", "first")
    held.busy.wait(30)
    joined = [in_a_thread("a net", "first", client="early")]
    joined += [in_a_thread("a net", "second", client=f"browser {i}") for i in range(5)]
    until(lambda: [len(each.tickets) for each in list(private._lanes["quick"].waiting.values())] == [5])
    held.go_on.set()
    for thread in (first, *joined):
        thread.join(30)
    assert held.computed == ["first", "second"]


def test_of_equal_questions_one_is_withdrawn_and_the_other_is_answered(held):
    first = in_a_thread("a net", "first")
    held.busy.wait(30)
    stays = in_a_thread("a net", "second", client="stays")
    until(waiting_questions)
    goes = in_a_thread("a net", "second", client="goes")
    until(lambda: len(next(iter(private._lanes["quick"].waiting.values())).tickets) == 2)
    other = in_a_thread("a net", "third", client="goes")
    until(lambda: [each["probe"] for each in waiting_questions()] == ["second", "third"])
    held.go_on.set()
    for thread in (first, stays, goes, other):
        thread.join(30)
    assert held.computed == ["first", "second", "third"]


def test_no_question_downloads_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(probes, "answer", lambda *_: pytest.fail("the child must not begin"))
    question = {"run": None, "source": "torchvision:resnet-50", "probe": "saliency", "arguments": {}}
    facts, _ = unpack(child.answer(question, {}))
    assert facts == {"error": "the weights of resnet-50 are not on this machine", "missing": "resnet-50"}
    monkeypatch.setattr(private, "_exchange", lambda *_: pack(facts, {}))
    with pytest.raises(private.WeightsMissing, match="the weights of resnet-50") as caught:
        ask("torchvision:resnet-50", "saliency")
    assert caught.value.net == "resnet-50"


def test_messages_are_framed_and_never_unpickled():
    pipe = io.BytesIO()
    arrays = {"a": np.arange(6, dtype=np.uint8).reshape(1, 2, 3), "b": np.array([np.nan, 1e300])}
    send(pipe, pack({"é": [1, None, "x"]}, arrays))
    send(pipe, b"more")
    pipe.seek(0)
    facts, found = unpack(receive(pipe))
    assert facts == {"é": [1, None, "x"]}
    assert found.keys() == arrays.keys()
    assert all(
        np.array_equal(found[name], array, equal_nan=True) for name, array in arrays.items() if name == "a"
    )
    assert receive(pipe) == b"more"
    with pytest.raises(EOFError):
        receive(pipe)
    with pytest.raises(EOFError):
        receive(io.BytesIO(b"\0\0\0\0\0\0\0\x09abc"))
    harm = io.BytesIO()
    np.savez(harm, **{private.FACTS: np.frombuffer(b"{}", np.uint8)}, bad=np.array([pickle.Pickler], object))
    with pytest.raises(ValueError, match="allow_pickle"):
        unpack(harm.getvalue())


def test_the_child_says_unforeseen_errors_in_a_line(monkeypatch, capsys):
    monkeypatch.setattr(probes, "answer", lambda *_: 1 / 0)
    question = {"run": None, "source": "fresh:seed=1", "probe": "saliency", "arguments": {}}
    facts, _ = unpack(child.answer(question, {}))
    assert facts == {"error": "ZeroDivisionError while computing this; the server's output has more"}
    assert "ZeroDivisionError" in capsys.readouterr().err


LOUD = """
from resnet_edu import probes
from resnet_edu.workers import private
real = probes.answer
probes.answer = lambda *asked: (print("noise", flush=True), real(*asked))[1]
private.main()
"""


@pytest.mark.slow
def test_prints_do_not_come_between_answers_and_the_child_ends_with_its_parent(run):
    question = {"source": None, "probe": "images", "arguments": {"count": 2}, "run": str(run.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", LOUD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        send(process.stdin, pack(question, {}))
        facts, arrays = unpack(receive(process.stdout))
        assert arrays["images"].shape == (2, 1, 8, 8)
        assert len(facts["labels"]) == 2
        process.stdin.close()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
