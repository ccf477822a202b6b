"""What a machine measures once, all shelves know."""

from __future__ import annotations

import json

import pytest

from resnet_edu import training
from resnet_edu.runs import ComputeRequest
from resnet_edu.training import choosing
from resnet_edu.workers import choices

ASKED = ComputeRequest(device="cpu"), choices.ImageShape(1, 8, 10)


@pytest.fixture
def trials(monkeypatch) -> list[str]:
    """Which candidates were timed; channels_last is the quickest."""
    asked: list[str] = []

    def milliseconds(trial, compute):
        asked.append(compute.memory_format)
        return 5.0 if compute.memory_format == "channels_last" else 10.0

    monkeypatch.setattr(choosing._Trial, "milliseconds", milliseconds)
    return asked


def test_what_was_measured_is_kept_for_the_next(tiny, trials):
    one, other = (choices.choose(tiny(steps=1000, seed=seed), *ASKED) for seed in (0, 1))
    assert one.memory_format == other.memory_format == "channels_last"
    assert len(trials) == 4
    (key,) = json.loads(choices.cache_file().read_text())
    assert key.startswith("cifar, width 2×1, images 1×8×8, 10 classes, batch 16, cpu ")
    assert one.device_name in key
    assert one.versions["torch"] in key


def test_a_short_run_neither_asks_nor_waits(tiny, trials):
    choices.choose(tiny(), *ASKED)
    assert not choices.cache_file().parent.exists()
    assert trials == []


@pytest.mark.parametrize(
    "damaged", ["{", "[1]", '{"a": 1}', '{"a": {"b": "c"}}', '{"a": {"b": null}}', "\0", "[" * 100_000]
)
def test_a_damaged_cache_is_made_anew(tiny, trials, damaged):
    choices.cache_file().parent.mkdir(parents=True)
    choices.cache_file().write_text(damaged)
    assert choices.choose(tiny(steps=1000), *ASKED).memory_format == "channels_last"
    assert len(json.loads(choices.cache_file().read_text())) == 1


def test_half_a_measurement_is_completed(tiny, trials):
    choices.choose(tiny(steps=1000), *ASKED)
    (key, timed), *_ = json.loads(choices.cache_file().read_text()).items()
    del timed["float32 channels_last"]
    choices.cache_file().write_text(json.dumps({key: timed | {"compiled": 1.0}}))
    trials.clear()
    choices.choose(tiny(steps=1000), *ASKED)
    assert trials == ["channels_last"]


def test_where_nothing_can_be_kept_it_is_measured_each_time(tiny, trials, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RESNET_EDU_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert choices.choose(tiny(steps=1000), *ASKED).memory_format == "channels_last"
    assert len(trials) == 8


def test_a_device_that_is_not_here_is_said(tiny, trials):
    with pytest.raises(training.DeviceError, match="device is 'quantum'"):
        choices.choose(tiny(steps=1000), ComputeRequest(device="quantum"), ASKED[1])


def test_the_place_is_the_user_s(monkeypatch, tmp_path):
    assert choices.cache_file() == tmp_path / "cache" / "choices.json"
    monkeypatch.delenv("RESNET_EDU_CACHE")
    assert choices.cache_file().name == "choices.json"
    assert "resnet-edu" in str(choices.cache_file())
