"""Training into a run, stopping, and going on to the bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from resnet_edu import data, training
from resnet_edu.experiment.spec import SpecError
from resnet_edu.nets import resnet
from resnet_edu.runs import ComputeRequest, RecordingConfig, Run, RunBusy, RunError, RunWriter, Shelf, files
from resnet_edu.training import Recording, choosing, loop
from resnet_edu.workers import train

EVERYTHING = ComputeRequest(recording=RecordingConfig(every_step=True, keep_weights=3))


COMMIT = train._commit
CPU = ComputeRequest(device="cpu")


@pytest.fixture(autouse=True)
def step_by_step(monkeypatch):
    """A block for every step, so that a training can be stopped after any; and git is not asked each time."""
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0)
    monkeypatch.setattr(train, "_commit", lambda: "0123456789ab")


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def whole(tmp_path, tiny) -> Callable[..., Run]:
    """The same experiment trained without interruption, elsewhere."""

    def trained(**settings) -> Run:
        run = Shelf(tmp_path / "whole").get_or_create(tiny(**settings))
        train.train_run(run, EVERYTHING)
        return run

    return trained


def assert_same_run(run: Run, whole: Run) -> None:
    """Weights to the bit, and every row but for the time that it took."""
    assert run.weight_steps() == whole.weight_steps()
    for step in whole.weight_steps():
        one, other = run.weights(step), whole.weights(step)
        assert one.keys() == other.keys()
        assert all(np.array_equal(tensor, other[name]) for name, tensor in one.items())
    assert run.steps().drop(columns="seconds").equals(whole.steps().drop(columns="seconds"))
    for table in ("layers", "evals", "blocks"):
        assert getattr(run, table)().equals(getattr(whole, table)()), table


def test_while_a_long_run_s_computing_is_measured_it_says_so(shelf, tiny, monkeypatch):
    said = []

    def choose(experiment, *asked):
        said.append(shelf.latest(experiment).status())
        raise SpecError("enough")

    monkeypatch.setattr(train.choices, "choose", choose)
    for steps in (training.WORTH_MEASURING - 1, training.WORTH_MEASURING):
        with pytest.raises(SpecError, match="enough"):
            train.train_run(shelf.get_or_create(tiny(steps=steps)))
    assert [status.state for status in said] == ["running", "running"]
    assert [status.message for status in said] == ["", train.MEASURING]


def stop_after(step: int):
    """`on_chunk` and `should_continue` that end a training after so many steps."""
    seen = []
    return {"on_chunk": lambda block: seen.append(block.step), "should_continue": lambda: seen[-1] < step}


def die_after(step: int, checkpoint: int, monkeypatch):
    """`on_chunk` as of a process that is killed, its last checkpoint being some steps old."""

    def watch(block):
        monkeypatch.setattr(train, "CHECKPOINT_SECONDS", -1 if block.step == checkpoint else 1000)
        if block.step == step:
            raise KeyboardInterrupt

    return {"on_chunk": watch}


def test_a_trained_run_holds_what_training_yields(shelf, tiny):
    run = shelf.get_or_create(tiny())
    assert train.train_run(run, EVERYTHING) == "done"
    images = data.load(run.experiment.data)
    choice = training.ComputeChoice.from_dict(run.compute.to_dict())
    blocks = list(training.train(run.experiment, images, choice, recording=Recording(True, 3)))
    assert run.steps()["loss"].tolist() == [row.loss for block in blocks for row in block.steps]
    assert run.evals().to_dict("records") == [row.to_dict() for block in blocks for row in block.evals]
    assert run.units()["correlation"].tolist() == [
        cosine for block in blocks for row in block.units for cosine in row.correlation
    ]
    norms = torch.cat([block.norms for block in blocks if block.norms is not None])
    for which, name in enumerate(files.NORMS):
        columns = norms[:, 1 + 8 * which : 9 + 8 * which]
        assert run.layers()[name].tolist() == columns.flatten().tolist()
    end = blocks[-1].state_dict()
    assert all(np.array_equal(tensor, end[f"net.{name}"]) for name, tensor in run.weights().items())


def test_dear_checkpoints_are_made_less_often(shelf, tiny, monkeypatch):
    """By a clock that goes on a second each block, and two each checkpoint: one in 200 seconds."""
    seconds, made = [0.0], []

    def checkpoint(writer, tensors, *, step, seconds: float) -> None:
        made.append(step)
        clock(2)

    def clock(passed: float) -> None:
        seconds[0] += passed

    monkeypatch.setattr(train, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    monkeypatch.setattr(RunWriter, "checkpoint", checkpoint)
    train.train_run(shelf.get_or_create(tiny(steps=220)), CPU, on_chunk=lambda block: clock(1))
    assert made == [5, 211]


def test_a_trained_run_says_how_it_was_computed(shelf, tiny):
    run = shelf.get_or_create(tiny())
    train.train_run(run, CPU)
    compute = run.compute
    assert (compute.device, compute.precision, compute.threads) == ("cpu", "float32", 1)
    assert compute.commit == "0123456789ab"
    assert list(compute.layers) == run.layers()["name"].unique().tolist()
    assert len(compute.layers) == 8
    assert compute.versions["torch"] == torch.__version__
    status = run.status()
    assert (status.state, status.step, status.message) == ("done", 6, "")
    assert status.seconds == pytest.approx(run.steps()["seconds"].iloc[-1], abs=1e-3)
    assert not (run.path / files.CHECKPOINT).exists()


@pytest.mark.parametrize("step", [0, 1, 3, 5, 6])
def test_a_stopped_run_goes_on_to_the_bit(shelf, tiny, whole, step):
    run = shelf.get_or_create(tiny(augment=True))
    assert train.train_run(run, EVERYTHING, **stop_after(step)) == "stopped"
    status = run.status()
    assert (status.state, status.step, status.message) == ("stopped", step, "stopped; it can be resumed")
    assert train.train_run(run, EVERYTHING) == "done"
    assert_same_run(run, whole(augment=True))
    assert run.status().seconds >= status.seconds


def test_checkpointed_activations_change_no_number_and_a_resumed_run_keeps_them(
    shelf, tiny, whole, monkeypatch
):
    checkpointed, seen = resnet.checkpointed, []
    monkeypatch.setattr(resnet, "checkpointed", lambda unit, x: seen.append(unit) or checkpointed(unit, x))
    run = shelf.get_or_create(tiny())
    train.train_run(
        run, ComputeRequest(grad_checkpointing=True, recording=EVERYTHING.recording), **stop_after(3)
    )
    assert run.compute.grad_checkpointing is True
    before = len(seen)
    assert before > 0
    train.train_run(run, EVERYTHING)
    assert len(seen) > before
    assert_same_run(run, whole())


@pytest.mark.parametrize(("step", "checkpoint"), [(0, -1), (3, -1), (3, 3), (4, 2), (6, 5)])
def test_a_run_whose_trainer_died_goes_on_to_the_bit(shelf, tiny, whole, monkeypatch, step, checkpoint):
    run = shelf.get_or_create(tiny())
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        train.train_run(run, EVERYTHING, **die_after(step, checkpoint, patched))
    assert run.status().state == "interrupted"
    assert train.train_run(run, EVERYTHING) == "done"
    assert_same_run(run, whole())


def test_a_run_can_be_stopped_again_and_again(shelf, tiny, whole):
    run = shelf.get_or_create(tiny())
    for step in range(7):
        train.train_run(run, EVERYTHING, **stop_after(step))
        assert run.status().step == max(step, 1) - (step == 0)
    train.train_run(run, EVERYTHING)
    assert_same_run(run, whole())


def test_a_stop_request_is_heeded(shelf, tiny):
    run = shelf.get_or_create(tiny())
    assert train.train_run(run, on_chunk=lambda block: run.stop() if block.step == 2 else None) == "stopped"
    assert run.status().step == 2
    assert train.train_run(run) == "done", "training it on clears the request"
    assert train.train_run(run) == "done", "and what is done stays as it is"
    assert run.status().step == run.experiment.recipe.steps


def test_a_diverged_run_keeps_all_that_came_before(shelf, tiny):
    run = shelf.get_or_create(tiny(lr=100, steps=20))
    assert train.train_run(run, EVERYTHING) == "diverged"
    status = run.status()
    assert (status.state, status.step) == ("diverged", 2)
    assert status.message.startswith("diverged at step 2, layer logits: the loss grew to ")
    assert run.steps()["step"].tolist() == [0, 1, 2]
    assert run.layers()["step"].unique().tolist() == [0, 1]
    assert run.evals()["step"].iloc[0] == 0


def test_what_cannot_be_trained_says_why(shelf, tiny, monkeypatch):
    run = shelf.get_or_create(tiny(train=9999))
    with pytest.raises(ValueError, match="train is 9999; digits has 1500"):
        train.train_run(run)
    assert run.status().state == "failed"
    assert run.status().message.startswith("train is 9999; digits has 1500")
    assert not run.busy()


def test_a_failed_run_goes_on_where_it_failed(shelf, tiny, whole, monkeypatch):
    run = shelf.get_or_create(tiny())

    def full(block):
        if block.step == 4:
            raise OSError("no space left on device")

    train.train_run(run, EVERYTHING, **stop_after(2))
    with pytest.raises(OSError, match="no space left"):
        train.train_run(run, EVERYTHING, on_chunk=full)
    assert (run.status().state, run.status().step) == ("failed", 4)
    train.train_run(run, EVERYTHING)
    assert_same_run(run, whole())


def test_a_run_that_is_written_by_another_is_left_alone(shelf, tiny):
    run = shelf.get_or_create(tiny())
    with RunWriter(run), pytest.raises(RunBusy):
        train.train_run(run)
    assert run.status().state == "queued"


def test_a_run_goes_on_as_it_was_begun(shelf, tiny, monkeypatch):
    run = shelf.get_or_create(tiny())
    train.train_run(run, **stop_after(1))
    begun = run.compute
    monkeypatch.setattr(training, "choose", None)  # nothing is chosen or measured anew
    train.train_run(run, ComputeRequest(device="quantum"))
    assert run.compute == begun


def test_a_run_begun_on_a_device_that_is_not_here(shelf, tiny):
    run = shelf.get_or_create(tiny())
    train.train_run(run, **stop_after(3))
    files.write_json(run.path / files.HOW, run.compute.to_dict() | {"device": "quantum:1"})
    checkpoint = (run.path / files.CHECKPOINT).read_bytes()
    with pytest.raises(training.DeviceError, match="device is 'quantum:1'; this machine has "):
        train.train_run(run)
    assert run.status().state == "failed"
    assert (run.path / files.CHECKPOINT).read_bytes() == checkpoint, "it can go on where that device is"


def test_long_runs_of_one_machine_are_computed_alike(tmp_path, tiny, monkeypatch):
    asked = []

    def milliseconds(trial, compute):
        asked.append(compute)
        return 1.0 if compute.memory_format == "channels_last" else 2.0

    monkeypatch.setattr(choosing._Trial, "milliseconds", milliseconds)
    for place in ("here", "there"):
        run = Shelf(tmp_path / place).get_or_create(tiny(steps=1000))
        train.train_run(run, **stop_after(1))
        assert run.compute.memory_format == "channels_last"
        assert run.compute.measured_ms_per_step["float32 channels_last"] == 1.0
    assert len(asked) == 4


def test_threads_and_compilation_are_as_told(shelf, tiny, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda net, dynamic: net)
    run = shelf.get_or_create(tiny())
    train.train_run(run, ComputeRequest(threads=(2,), compile=True), **stop_after(2))
    assert (run.compute.threads, run.compute.compiled) == (2, True)
    train.train_run(run, ComputeRequest(threads=(1,), compile=False))
    assert (run.compute.threads, run.compute.compiled) == (2, True), "a run goes on as it was begun"


def test_what_turns_out_otherwise_is_written_down(shelf, tiny, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda net, dynamic: 1 / 0)
    run = shelf.get_or_create(tiny())
    assert train.train_run(run, ComputeRequest(compile=True)) == "done"
    assert (run.compute.compiled, run.compute.compiled_because) == (
        False,
        "ZeroDivisionError: division by zero",
    )
    assert len(run.compute.layers) == 8, "and the rest is kept"


def test_the_commit_is_told_and_whether_the_source_was_changed(monkeypatch, tmp_path):
    commit = COMMIT()
    assert commit is None or len(commit.rstrip("+")) == 12
    monkeypatch.setenv("PATH", str(tmp_path))
    assert COMMIT() is None


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"step": 99, "seconds": 1.0}, "step is 99; allowed: 1"),
        ({"step": -7, "seconds": 1.0}, "step is -7; allowed: 1"),
        ({"step": 3}, "seconds is missing"),
        ({"step": 4, "seconds": 1.0}, "holds 3 of the 4 steps before the checkpoint"),
    ],
)
def test_a_checkpoint_that_cannot_be_is_refused(shelf, tiny, facts, why):
    run = shelf.get_or_create(tiny())
    train.train_run(run, **stop_after(3))
    with RunWriter(run) as writer:
        tensors = writer._checkpoint().tensors
    content = save(tensors, metadata={"facts": json.dumps(facts)})
    (run.path / files.CHECKPOINT).write_bytes(content)
    with pytest.raises(RunError, match=why):
        train.train_run(run)


def test_a_checkpoint_of_another_net_is_refused(shelf, tiny):
    run = shelf.get_or_create(tiny())
    train.train_run(run, **stop_after(3))
    with RunWriter(run) as writer:
        tensors, step, seconds = writer._checkpoint()
        first = next(name for name in tensors if name.startswith("momentum."))
        rest = {name: array for name, array in tensors.items() if name != first}
        writer.checkpoint(rest, step=step, seconds=seconds)
    with pytest.raises(SpecError, match=f"the checkpoint's {first} is missing"):
        train.train_run(run)
