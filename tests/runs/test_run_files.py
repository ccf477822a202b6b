"""Rows and files as another process may find them: half written, torn, damaged."""

import io
import json
import math
import os
import pathlib
import threading

import numpy as np
import pytest

from resnet_edu.runs import RunError, files

ROWS = [{"step": i, "loss": 1 / (i + 3), "word": "ü\n" * i} for i in range(6)]


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    files.append(path, files.dump_rows(ROWS))
    return path


def test_rows_come_back_to_the_bit(rows):
    assert files.read_rows(rows) == ROWS
    files.append(rows, files.dump_rows([{"step": 6}]))
    files.append(rows, files.dump_rows([]))
    assert files.read_rows(rows) == [*ROWS, {"step": 6}]


def test_wherever_the_file_ends_the_whole_lines_are_read(rows):
    content = rows.read_bytes()
    for end in range(len(content)):
        rows.write_bytes(content[:end])
        assert files.read_rows(rows) == ROWS[: content[:end].count(b"\n")]


@pytest.mark.parametrize(
    "tail",
    [b'{"step": 6', b'{"step": 6}', b"\0" * 512, b"\0" * 30 + b"\n", b"\xff\xfe\n", b"[1]\n", b"7\n", b"\n"],
)
def test_a_damaged_tail_is_passed_over_and_cut_off(rows, tail):
    with rows.open("ab") as file:
        file.write(tail)
    assert files.read_rows(rows) == ROWS
    files.replace_file(rows, files.leading_rows(rows, lambda row: row["step"] != 4))
    files.append(rows, files.dump_rows([{"step": 9}]))
    assert files.read_rows(rows) == [*ROWS[:4], {"step": 9}]


@pytest.mark.parametrize("line", [bytes(20), b'{"step":2', b"[1]", b"", b'{"step":true}', b'{"step":1.5}'])
def test_a_damaged_line_with_lines_after_it_is_named(rows, line):
    lines = rows.read_bytes().splitlines(keepends=True)
    rows.write_bytes(b"".join([*lines[:2], line + b"\n", *lines[3:]]))
    for read in (files.read_rows, lambda path: files.leading_rows(path, lambda row: True)):
        with pytest.raises(RunError) as caught:
            read(rows)
        assert str(caught.value) == f"{rows}, line 3 is damaged; remove the run or copy it again"


def test_no_file_no_rows(tmp_path):
    assert files.read_rows(tmp_path / "none.jsonl") == []
    assert files.leading_rows(tmp_path / "none.jsonl", lambda row: True) == b""


def test_what_is_no_number_is_null(tmp_path):
    row = {
        "step": 0,
        "loss": math.nan,
        "deep": {"in": [math.inf, (-math.inf, 1.5)]},
        "flag": True,
        "word": "NaN",
    }
    files.append(tmp_path / "rows.jsonl", files.dump_rows([row]))
    files.write_json(tmp_path / "file.json", row)
    expected = {"step": 0, "loss": None, "deep": {"in": [None, [None, 1.5]]}, "flag": True, "word": "NaN"}
    assert files.read_rows(tmp_path / "rows.jsonl") == [expected]
    assert files.read_json(tmp_path / "file.json") == expected


def test_rows_are_read_while_they_are_written(tmp_path):
    path, wanted = tmp_path / "rows.jsonl", [{"step": i, "loss": i / 3} for i in range(300)]
    content = b"".join(json.dumps(row).encode() + b"\n" for row in wanted)

    def write():
        with path.open("ab", buffering=0) as file:
            for place in range(0, len(content), 7):
                file.write(content[place : place + 7])

    writer = threading.Thread(target=write)
    writer.start()
    seen = [0]
    while writer.is_alive():
        found = files.read_rows(path)
        assert found == wanted[: len(found)]
        seen.append(len(found))
    writer.join()
    assert seen == sorted(seen)
    assert files.read_rows(path) == wanted


def test_wherever_the_norms_end_the_whole_rows_are_read(tmp_path):
    norms = np.arange(3 * 7, dtype=np.float32).reshape(3, 7)
    path = tmp_path / "layers.f32"
    for end in range(norms.nbytes + 1):
        path.write_bytes(norms.tobytes()[:end])
        assert np.array_equal(files.read_norms(path, layers=2), norms[: end // 28])
    assert files.read_norms(tmp_path / "none.f32", layers=2).shape == (0, 7)


def test_norms_are_read_while_the_file_grows(tmp_path):
    class Growing(type(tmp_path)):
        def read_bytes(self):
            content = pathlib.Path(self).read_bytes()
            with self.open("ab") as file:
                file.write(bytes(3))
            return content

    path = Growing(tmp_path / "layers.f32")
    path.write_bytes(bytes(28 + 1))
    assert files.read_norms(path, layers=2).shape == (1, 7)


def test_a_replaced_file_is_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    path = tmp_path / "status.json"
    files.write_json(path, {"state": "old"})

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        files.write_json(path, {"state": "new"})
    assert files.read_json(path) == {"state": "old"}
    assert [found.name for found in tmp_path.iterdir() if found.is_file()] == ["status.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing: this is no run, or not all of it was copied"),
        (b"", "is damaged (Expecting value"),
        (b'{"state": "run', "is damaged (Unterminated string"),
        (b"\0\0\0\0\0\0", "is damaged ("),
        (b'{"state": "\xff"}', "is damaged ('utf-8' codec can't decode"),
        (b"[]", "must hold a JSON object"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    path = tmp_path / "status.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        files.read_json(path)
    assert str(caught.value).startswith(f"{path} {message}")


def test_arrays_are_kept_plain(tmp_path):
    path = tmp_path / "answer.npz"
    files.write_arrays(path, {"map": np.eye(3), "labels": np.array([1, 2])})
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays) == {"map", "labels"}
        assert np.array_equal(arrays["map"], np.eye(3))
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        files.write_arrays(path, {"object": np.array([{"a": 1}])})
    assert io.BytesIO(path.read_bytes()).getvalue(), "the old file is still there"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes in folders")
@pytest.mark.parametrize("make", [lambda path: os.mkfifo(path), lambda path: path.symlink_to("/dev/zero")])
def test_what_has_no_end_is_not_read(tmp_path, make):
    path = tmp_path / "status.json"
    make(path)
    with pytest.raises(RunError, match=r"status\.json is damaged \(no plain file\)"):
        files.read_json(path)
