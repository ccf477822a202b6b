"""how.json and status.json are read into records: what is wrong is one sentence with file and key."""

import json

import pytest

from resnet_edu.experiment.spec import SpecError
from resnet_edu.runs import ComputeConfig, RecordingConfig, RunError, Status, files, recorded
from resnet_edu.runs.compute import BatchShare


@pytest.mark.parametrize("run", recorded().runs(), ids=lambda run: run.name)
def test_every_recorded_run_s_file_is_written_back_as_it_was(run):
    written = json.loads((run.path / files.HOW).read_text())
    assert run.compute.to_dict() == written
    assert ComputeConfig.from_dict(run.compute.to_dict()) == run.compute


def test_keys_of_a_newer_version_are_kept():
    data = {"device": "cuda:1", "flash": {"heads": 3}, "checkpointed": True}
    compute = ComputeConfig.from_dict(data)
    assert compute.more == {"flash": {"heads": 3}}
    assert compute.grad_checkpointing is True
    assert compute.updated({"captured": False}).to_dict() == data | {"captured": False}


def test_shares_and_recording_are_records():
    share = {"from_step": 3, "processes": 2, "batch_statistics_of": 8}
    data = {"device": "cpu", "shares": [share], "recording": {"every_step": True, "checkpoints": 5}}
    compute = ComputeConfig.from_dict(data)
    assert compute.shares == (BatchShare(3, 2, 8),)
    assert compute.recording == RecordingConfig(every_step=True, keep_weights=5)
    assert compute.to_dict() == data


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"device": 3}, "device is 3; allowed: text"),
        ({"device": None}, "device is None; allowed: a value"),
        ({"threads": 10**9}, "threads is 1000000000; allowed: 1 … 1024"),
        ({"threads": True}, "threads is True; allowed: 1 … 1024"),
        ({"layers": None}, "layers is None; allowed: a value"),
        ({"layers": [1]}, "layers is [1]; allowed: a list of texts"),
        ({"recording": []}, "recording is []; allowed: an object"),
        ({"recording": None}, "recording is None; allowed: an object"),
        ({"recording": {"checkpoints": 0}}, ", recording: checkpoints is 0; allowed: 1 … 1000"),
        ({"compiled": "yes"}, "compiled is 'yes'; allowed: true or false"),
        ({"versions": {"torch": 2}}, ", versions: torch is 2; allowed: text"),
        ({"shares": [{"from_step": 0}]}, ", shares: processes is missing"),
        ({"shares": 3}, "shares is 3; allowed: a list of objects"),
        ({"measured_ms_per_step": {"a": "b"}}, "allowed: an object of numbers"),
        ({"measured_ms_per_step": {"a": 10**400}}, "allowed: an object of numbers"),
    ],
)
def test_damage_in_how_json_names_file_and_key(run, changed, message):
    path = run.path / files.HOW
    path.write_text(json.dumps({"device": "cpu"} | changed))
    with pytest.raises(RunError) as caught:
        _ = run.compute
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_a_device_is_damaged(run):
    (run.path / files.HOW).write_text("{}")
    with pytest.raises(RunError, match=r"how\.json: device is missing$"):
        _ = run.compute


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"state": "[/nope]"}, "state is '[/nope]'; allowed: queued, running, done"),
        ({"state": 3}, "state is 3; allowed: queued"),
        ({"step": 11}, "step is 11; allowed: 0 … 10"),
        ({"step": -1}, "step is -1; allowed: 0 … 10"),
        ({"step": 1.5}, "step is 1.5; allowed: 0 … 10"),
        ({"step": 10**400}, "step is 1000"),
        ({"seconds": None}, "seconds is None; allowed: a value"),
        ({"seconds": "long"}, "seconds is 'long'; allowed: a number, 0 or more"),
        ({"seconds": 10**400}, "allowed: a number, 0 or more"),
        ({"message": None}, "message is None; allowed: a value"),
    ],
)
def test_damage_in_status_json_names_file_and_key(run, changed, message):
    path = run.path / files.STATUS
    path.write_text(json.dumps({"state": "done", "step": 3, "seconds": 1.0, "message": ""} | changed))
    with pytest.raises(RunError) as caught:
        run.status()
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 150


def test_a_status_is_written_as_it_is_read():
    status = Status("stopped", 4, 10, 1.25, "why")
    assert Status.from_dict(status.to_dict(), 10, "x") == status


def test_a_recording_has_bounds():
    with pytest.raises(SpecError, match=r"^keep-weights is 0; allowed: 1 … 1000$"):
        RecordingConfig(keep_weights=0)
