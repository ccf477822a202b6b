"""`resume` takes every flag that it offers, and how.json has what changed."""

from __future__ import annotations

import pytest
from commands import SMALL, described

from resnet_edu.cli import parser
from resnet_edu.cli.running import request_of
from resnet_edu.runs import RecordingConfig, Shelf, files
from resnet_edu.training.distributed import SingleProcess


@pytest.fixture
def begun(command, monkeypatch):
    """A run that was stopped after its first steps."""
    from resnet_edu.runs import ComputeRequest
    from resnet_edu.training import loop
    from resnet_edu.workers import train

    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0)
    run = Shelf().get_or_create(described(*SMALL, "--steps=8"))
    seen: list[int] = []
    request = ComputeRequest(device="cpu")
    train.train_run(
        run, request, on_chunk=lambda c: seen.append(c.step), should_continue=lambda: seen[-1] < 3
    )
    return run


@pytest.fixture
def with_threads(begun):
    """The same, begun with 3 threads, as its how.json says."""
    files.write_json(begun.path / files.HOW, begun.compute.to_dict() | {"threads": 3})
    return begun


def test_without_flags_it_goes_on_as_it_was_begun(command, begun) -> None:
    before = begun.compute
    assert command("resume", begun.name).code == 0
    assert begun.compute == before
    assert begun.compute.changes == ()


@pytest.mark.parametrize("verb", [("resume",), ("runs", "resume")])
@pytest.mark.parametrize("keep", ["--keep-weights", "--checkpoints"])
def test_recording_changes_from_here_on(command, begun, verb, keep) -> None:
    assert command(*verb, begun.name, "--every-step", f"{keep}=4").code == 0
    assert begun.compute.recording == RecordingConfig(every_step=True, keep_weights=4)
    assert begun.weight_steps()[-2:] == [4, 8]
    (change,) = begun.compute.changes
    assert (change.from_step, change.before["recording"]) == (3, {"every_step": False, "checkpoints": 1})
    assert "changes" in command("runs", "show", begun.name).out


def test_threads_change_from_here_on(command, with_threads) -> None:
    assert command("resume", with_threads.name, "--threads=1", "--device=cpu").code == 0
    assert (with_threads.status().state, with_threads.compute.threads) == ("done", 1)
    (change,) = with_threads.compute.changes
    assert (change.from_step, change.before) == (3, {"threads": 3})


def test_a_run_of_another_device_goes_on_here(command, begun) -> None:
    files.write_json(begun.path / files.HOW, begun.compute.to_dict() | {"device": "xpu"})
    said = command("resume", begun.name)
    assert said.code == 2
    assert f"it goes on here with: resnet-edu resume {begun.name} --device cpu\n" in said.error
    assert command("resume", begun.name, "--device=cpu").code == 0
    assert (begun.compute.device, begun.compute.changes[0].before["device"]) == ("cpu", "xpu")


def test_the_same_training_with_other_flags_goes_on_with_them(command, with_threads) -> None:
    assert command("train", *SMALL, "--steps=8", "--threads=1", "--every-step").code == 0
    assert (with_threads.compute.threads, with_threads.compute.recording.every_step) == (1, True)
    assert with_threads.compute.changes[0].from_step == 3


@pytest.mark.parametrize(
    ("words", "overrides"),
    [
        ("train", ()),
        ("resume x", ()),
        ("resume x --device cpu --threads 1", ("device", "threads")),
        ("resume x --keep-weights 1 --no-every-step", ("every_step", "keep_weights")),
        ("resume x --checkpoints 1", ("keep_weights",)),
        ("train --no-compile --keep-weights 3", ("compile", "keep_weights")),
        ("train --checkpointed --every-step", ("grad_checkpointing", "every_step")),
    ],
)
def test_which_flags_win_over_how_a_run_was_begun(command, words, overrides) -> None:
    options = parser().parse_args(words.split())
    assert request_of(options, SingleProcess()).overrides == overrides
