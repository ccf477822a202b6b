"""Any JSON value in any field: a record, a table, or one sentence that names the file. And full disks."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import everything
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnet_edu.runs import Run, RunError, RunWriter, export, files
from resnet_edu.runs.answers import PartialAnswer, ProbeAnswer, read_answer, write_answer

ODD = [None, True, -1, 0, 0.5, 10**9, 10**400, "", "[/nope]", "9" * 400, [], [None], {}, {"step": 1}]
values = st.sampled_from(ODD) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
same_run = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def unchecked(finished: Run) -> Run:
    """As an older version wrote it, so that nothing is refused for its checksum."""
    (finished.path / files.CHECKSUMS).unlink()
    for name in (files.HOW, files.STATUS):
        files.write_json(finished.path / name, files.read_json(finished.path / name))
    return finished


def reads_or_names(run: Run, path: Path) -> None:
    try:
        everything(run)
        run.status().to_dict()
        json.dumps(Run(run.path).compute.to_dict())
        sentence = str(path)
    except RunError as error:
        sentence = str(error)
    assert path.name in sentence
    assert str(run.path) in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("name", [files.HOW, files.STATUS, files.EXPERIMENT])
@same_run
@given(data=st.data())
def test_any_value_in_any_field_of_a_json_file(unchecked, name, data):
    path = unchecked.path / name
    text = path.read_text()
    whole = json.loads(text)
    keys = {"how.json": ["recording", "shares", "versions", "compiled", "cores", "measured_ms_per_step"]}
    key = data.draw(st.sampled_from([*whole, *keys.get(name, []), "else"]))
    try:
        path.write_text(json.dumps(whole | {key: data.draw(values)}))
        reads_or_names(unchecked, path)
    finally:
        path.write_text(text)


@pytest.mark.parametrize(("name", "field"), [(files.HOW, "versions"), (files.EXPERIMENT, "net")])
def test_a_field_s_name_of_two_lines_is_named_on_one(unchecked, name, field):
    path = unchecked.path / name
    path.write_text(json.dumps(files.read_json(path) | {field: {"torch\n": None}}))
    reads_or_names(unchecked, path)


@pytest.mark.parametrize("name", [files.STEPS, files.EVALS, files.BLOCKS])
@same_run
@given(data=st.data())
def test_any_value_in_any_field_of_a_row(unchecked, name, data):
    path = unchecked.path / name
    lines = path.read_text().splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    row = json.loads(lines[place])
    changed = row | {data.draw(st.sampled_from([*row, "else"])): data.draw(values)}
    try:
        path.write_text("\n".join([*lines[:place], json.dumps(changed), *lines[place + 1 :]]) + "\n")
        reads_or_names(unchecked, path)
    finally:
        path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("text", ['"x"', "[1.5]", "true", "1" + "0" * 400, "[]", "{}"])
def test_what_is_no_number_is_named(unchecked, text):
    path = unchecked.path / files.STEPS
    path.write_text(f'{{"step":0,"loss":{text},"lr":0.1,"seconds":1}}\n')
    with pytest.raises(RunError) as caught:
        unchecked.steps()
    assert str(caught.value).startswith(f"{path} is damaged (")
    assert len(str(caught.value)) < len(str(path)) + 150


@pytest.mark.parametrize(
    "content", [b"\xff" * 280, bytes(28) + b"\xff" * 28, np.full(28, 1e30, "<f4").tobytes()]
)
def test_norms_of_no_step_are_named(unchecked, content):
    path = unchecked.path / files.LAYERS
    path.write_bytes(content if content[0] else content + bytes(28))
    with pytest.raises(RunError, match=r"layers\.f32 is damaged \(its steps are no rising whole numbers"):
        unchecked.layers()


@same_run
@given(data=st.data())
def test_any_value_in_an_answer_of_which_a_part_is_written(unchecked, data):
    files.write_json(
        unchecked.path / "partial.json",
        {"done": 1, "total": 2, "seconds": 1.0, "how": {"device": "cpu"}}
        | {data.draw(st.sampled_from(["done", "total", "seconds", "how"])): data.draw(values)},
    )
    so_far = PartialAnswer.read(unchecked.path)
    assert so_far is None or so_far.total >= 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff"])
def test_a_damaged_answer_is_named_with_what_helps(unchecked, content):
    folder = unchecked.path / files.PROBES / "saliency-0123"
    folder.mkdir(parents=True)
    write_answer(folder, ProbeAnswer({}, {"map": np.eye(2)}))
    (folder / "answer.json").write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_answer(folder)
    assert str(folder / "answer.json") in str(caught.value)


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
ON_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without /dev/full")


@ON_FULL
@pytest.mark.parametrize("name", [files.STEPS, files.LAYERS])
def test_a_full_disk_names_the_table(run, how, write, name):
    with RunWriter(run) as writer:
        writer.begin(how)
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).symlink_to("/dev/full")
        with pytest.raises(OSError, match=rf"No space left on device: '.*{name}'"):
            write(writer, 0, 3)


@pytest.mark.parametrize("name", [files.STATUS, files.CHECKPOINT, files.CHECKSUMS, "000003.safetensors"])
def test_a_full_disk_names_the_file_that_is_replaced(run, how, write, name, monkeypatch):
    replace = files.replace_file

    def full(path: Path, content: bytes) -> None:
        with monkeypatch.context() as patch:
            if path.name == name:
                patch.setattr("os.fsync", no_space)
            replace(path, content)

    def no_space(_: Any) -> None:
        raise FULL

    def write_and_save(writer: RunWriter) -> None:
        write(writer, 0, 3)
        writer.checkpoint({"a": np.ones(1)}, step=3, seconds=1.0)

    with RunWriter(run) as writer:
        writer.begin(how)
        monkeypatch.setattr(files, "replace_file", full)
        with pytest.raises(OSError, match=rf"No space left on device: '.*{name}'"):
            write_and_save(writer)


@ON_FULL
def test_a_full_disk_names_the_exported_table(finished, tmp_path):
    (tmp_path / f"{finished.name}-evals.csv").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*-evals\.csv'"):
        export(finished, tmp_path)
