"""Flags that have better names now: the old ones still work, and no help shows them."""

import pytest

from resnet_edu.cli import main, parser
from resnet_edu.runs import Shelf


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("train --checkpoints 3", "keep_weights", 3),
        ("train --keep-weights 3", "keep_weights", 3),
        ("train", "keep_weights", 1),
        ("resume x --checkpoints 3", "keep_weights", 3),
        ("train --checkpointed", "grad_checkpointing", True),
        ("train --grad-checkpointing", "grad_checkpointing", True),
        ("train", "grad_checkpointing", False),
    ],
)
def test_both_names_set_the_same(words, name, value):
    assert getattr(parser().parse_args(words.split()), name) == value


@pytest.mark.parametrize("command_name", ["train", "resume", "runs resume"])
def test_help_shows_the_new_names_alone(command, command_name):
    shown = command(*command_name.split(), "--help").out
    assert "--keep-weights N" in shown
    assert "--checkpointed" not in shown
    assert "--checkpoints" not in shown


def test_a_run_of_the_old_flags_is_one_of_the_new(train):
    assert train("--checkpoints=2", "--checkpointed").code == 0
    (run,) = Shelf().runs()
    assert run.compute.grad_checkpointing
    assert run.compute.recording.keep_weights == 2
    written = (run.path / "how.json").read_text()
    assert '"checkpointed": true' in written
    assert '"checkpoints": 2' in written


def test_versions_device_and_folders(capsys, tmp_path):
    assert main(["--version", "--verbose"]) == 0
    rows = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert {"resnet-edu", "python", "torch", "torchvision", "streamlit", "device", "data"} <= set(rows)
    assert rows["shelf"] == str(Shelf().path)
    assert rows["cache"] == str(tmp_path / "cache")
    assert rows["torch"][0].isdigit()
