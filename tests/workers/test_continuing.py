"""A run that was begun goes on elsewhere, or recorded otherwise, and how.json says from which step on."""

from __future__ import annotations

import pytest

from resnet_edu.runs import (
    ComputeConfig,
    ComputeRequest,
    RecordingConfig,
    Run,
    RunError,
    RunWriter,
    Shelf,
    files,
)
from resnet_edu.runs.compute import ComputeChange
from resnet_edu.training import DeviceError, devices, loop
from resnet_edu.training.distributed import SingleProcess
from resnet_edu.workers import continuing, train

GPU = {
    "threads": 3,
    "device": "cuda:1",
    "device_name": "a GPU",
    "cores": 64,
    "captured": True,
    "captured_because": "the same work",
}


@pytest.fixture(autouse=True)
def step_by_step(monkeypatch):
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0)
    monkeypatch.setattr(train, "_commit", lambda: "0123456789ab")


@pytest.fixture
def begun(tmp_path, tiny) -> Run:
    """Stopped after 3 of 6 steps, and begun on a GPU with 3 threads, as its how.json says."""
    run = Shelf(tmp_path / "shelf").get_or_create(tiny())
    seen: list[int] = []
    request = ComputeRequest(device="cpu")
    train.train_run(
        run, request, on_chunk=lambda c: seen.append(c.step), should_continue=lambda: seen[-1] < 3
    )
    files.write_json(run.path / files.HOW, run.compute.to_dict() | GPU)
    return run


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu"])
    monkeypatch.setattr(devices.torch.cuda, "device_count", lambda: 0)


def test_without_a_flag_the_command_that_helps_is_named(begun, no_gpu) -> None:
    with pytest.raises(DeviceError) as caught:
        train.train_run(begun)
    assert str(caught.value) == (
        f"{begun.name}: device is 'cuda:1'; this machine has cpu; "
        f"it goes on here with: resnet-edu resume {begun.name} --device cpu"
    )
    assert begun.compute.device == "cuda:1"
    assert begun.status().step == 3, "nothing is lost"


def test_a_run_that_was_begun_on_a_gpu_goes_on_on_a_cpu(begun, no_gpu) -> None:
    weights = []
    request = ComputeRequest(device="cpu", threads=(1,), overrides=("device", "threads"))
    state = train.train_run(begun, request, on_chunk=lambda chunk: weights.append(chunk.step))
    assert (state, weights[0]) == ("done", 4), "from the checkpoint on"
    compute = begun.compute
    assert (compute.device, compute.captured, compute.compiled) == ("cpu", None, False)
    assert compute.compiled_because == "it was begun on cuda:1"
    assert compute.device_name != "a GPU"
    (change,) = compute.changes
    assert change.from_step == 3
    assert change.before == {"device": "cuda:1", "device_name": "a GPU", "cores": 64, "threads": 3}
    assert begun.steps()["step"].tolist() == list(range(6))


def test_another_gpu_of_the_same_kind_is_taken_without_a_word(begun, monkeypatch) -> None:
    monkeypatch.setattr(devices, "available_devices", lambda: ["cuda", "cpu"])
    monkeypatch.setattr(devices.torch.cuda, "device_count", lambda: 1)
    assert continuing.device_for(begun, ComputeRequest(), SingleProcess()) == "cuda"
    moved = continuing.continued(begun.compute, ComputeRequest(), "cuda")
    assert (moved.device, moved.captured, moved.device_name) == ("cuda", True, "a GPU")


def test_every_override_is_taken_and_noted(begun, no_gpu) -> None:
    request = ComputeRequest(
        device="cpu",
        threads=(1,),
        grad_checkpointing=True,
        compile=False,
        recording=RecordingConfig(every_step=True, keep_weights=4),
        overrides=("device", "threads", "compile", "grad_checkpointing", "every_step", "keep_weights"),
    )
    train.train_run(begun, request)
    compute = begun.compute
    assert (compute.threads, compute.grad_checkpointing, compute.compiled) == (1, True, False)
    assert compute.compiled_because == "told so"
    assert compute.recording == RecordingConfig(every_step=True, keep_weights=4)
    (change,) = compute.changes
    assert change.before["threads"] == 3
    assert change.before["recording"] == {"every_step": False, "checkpoints": 1}
    assert change.before["checkpointed"] is False
    assert begun.weight_steps()[-1] == 6


def test_what_is_not_overridden_stays_as_it_was_begun(begun, no_gpu) -> None:
    before = begun.compute
    other = ComputeRequest(
        device="cpu",
        threads=(7,),
        compile=True,
        recording=RecordingConfig(True, 9),
        overrides=("every_step",),
    )
    now = continuing.continued(before, other, "cuda:1")
    assert (now.threads, now.compiled, now.device) == (before.threads, before.compiled, "cuda:1")
    assert now.recording == RecordingConfig(every_step=True, keep_weights=1)


def test_a_second_change_is_added_and_the_same_again_is_none() -> None:
    first = ComputeConfig(device="cuda", threads=1)
    second = ComputeConfig(device="cpu", threads=1).noting(first, 3)
    assert second.noting(second, 4) == second
    third = ComputeConfig(device="cpu", threads=2, changes=second.changes).noting(second, 5)
    assert third.changes == (ComputeChange(3, {"device": "cuda"}), ComputeChange(5, {"threads": 1}))
    assert ComputeConfig.from_dict(third.to_dict()) == third
    assert third.noting(first, 0).changes == (), "from the start on there is nothing to note"


def test_a_run_without_a_checkpoint_is_begun_anew_without_a_note(begun, no_gpu) -> None:
    (begun.path / files.CHECKPOINT).unlink()
    train.train_run(begun, ComputeRequest(device="cpu", overrides=("device",)))
    assert (begun.compute.device, begun.compute.changes) == ("cpu", ())


@pytest.mark.parametrize("changes", [3, [3], [{"from_step": -1, "before": {}}], [{"from_step": 1}]])
def test_damaged_notes_are_named(begun, changes) -> None:
    files.write_json(begun.path / files.HOW, begun.compute.to_dict() | {"changes": changes})
    with pytest.raises(RunError, match=r"how\.json.*changes|how\.json.*before|how\.json.*from_step"):
        _ = begun.compute


def test_a_process_that_dies_while_it_begins_leaves_what_was(begun, no_gpu, monkeypatch) -> None:
    before = begun.compute
    real, calls = RunWriter.write_compute, []

    def dies(writer, compute):
        calls.append(compute)
        if len(calls) > 1:
            raise KeyboardInterrupt
        real(writer, compute)

    monkeypatch.setattr(RunWriter, "write_compute", dies)
    with pytest.raises(KeyboardInterrupt):
        train.train_run(begun, ComputeRequest(device="cpu", overrides=("device",)))
    assert begun.compute == before
