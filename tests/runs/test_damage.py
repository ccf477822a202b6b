"""A flipped bit, a lost line, a file cut short: the right numbers, or a sentence that names the file."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from damage import check_flips, content_of, everything, resumed

from resnet_edu.runs import ComputeConfig, Run, RunError, RunWriter, checksums, files, tensors
from resnet_edu.runs.answers import ProbeAnswer, write_answer

FLIPS = 8


@pytest.fixture
def stopped(run: Run, how: ComputeConfig, write) -> Run:
    with RunWriter(run) as writer:
        writer.begin(how)
        write(writer, 0, 9)
        writer.checkpoint({"net.weight": np.arange(4.0)}, step=9, seconds=1.5)
        writer.status("stopped", 9, 1.5)
    return run


def test_a_flipped_bit_is_found_in_every_file_of_a_finished_run(finished):
    folder = finished.path / files.PROBES / "saliency-0123"
    folder.mkdir(parents=True)
    write_answer(folder, ProbeAnswer({"labels": [1.5, 2.5]}, {"map": np.arange(9.0), "rank": np.eye(5)}))
    found = check_flips(finished, everything, FLIPS)
    tables = {"steps.jsonl", "evals.jsonl", "blocks.jsonl", "layers.f32"}
    assert {name for name in tables if found[name] == FLIPS} == tables
    assert {*("status.json", "how.json", "experiment.json", "answer.json", "answer.npz")} < set(found)


def test_a_flipped_bit_is_found_when_a_run_is_resumed(stopped):
    found = check_flips(stopped, resumed, FLIPS)
    assert {*files.TABLES, "checkpoint.safetensors"} <= set(found)


@pytest.mark.parametrize("name", [files.STEPS, files.EVALS, files.BLOCKS])
def test_a_line_that_lost_its_last_character_is_named(finished, name):
    lines = (finished.path / name).read_text().split("\n")
    lines[1] = lines[1][:-1]
    (finished.path / name).write_text("\n".join(lines))
    with pytest.raises(RunError) as caught:
        everything(finished)
    assert str(caught.value).startswith(f"{finished.path / name}, line 2 is damaged; ")


@pytest.mark.parametrize("name", files.TABLES)
@pytest.mark.parametrize("cut", ["all", "last line", "gone"])
def test_a_table_that_is_shorter_than_it_was_is_named(finished, name, cut):
    path = finished.path / name
    content = path.read_bytes()
    shorter = {"all": b"", "last line": content[: -len(content) // 3], "gone": None}[cut]
    path.unlink() if shorter is None else path.write_bytes(shorter)
    with pytest.raises(RunError) as caught:
        everything(finished)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("known", [True, False], ids=["with checksums", "of an older version"])
@pytest.mark.parametrize("name", [files.STEPS, files.EVALS, files.BLOCKS])
def test_resuming_a_damaged_run_deletes_nothing(stopped, how, name, known):
    if not known:
        (stopped.path / files.CHECKSUMS).unlink()
    lines = (stopped.path / name).read_text().split("\n")
    (stopped.path / name).write_text("\n".join([lines[0], lines[1][:-1], *lines[2:]]))
    before = content_of(stopped)
    with RunWriter(stopped) as writer, pytest.raises(RunError, match=rf"{name}, line 2 is damaged"):
        writer.begin(how)
    assert content_of(stopped) == before


def test_a_run_of_an_older_version_is_read_without_checksums(finished):
    before = everything(finished)
    (finished.path / files.CHECKSUMS).unlink()
    for path in finished.path.glob("*.json"):
        path.write_text(json.dumps(files.read_json(path), indent=1))
    for step in finished.weight_steps():
        from safetensors.numpy import save_file

        save_file(finished.weights(step), files.weights_file(finished.path, step))
    assert everything(finished) == before


def test_rows_after_the_last_checkpoint_have_no_checksum_yet(stopped, how, write):
    with RunWriter(stopped) as writer:
        writer.begin(how)
        write(writer, 9, 10)
        assert stopped.steps()["step"].tolist() == list(range(10)), "they are read all the same"
        size = (stopped.path / files.STEPS).stat().st_size
        assert files.read_checksums(stopped.path)[files.STEPS].length < size
        writer.status("stopped", 10, 2.5)
        assert files.read_checksums(stopped.path)[files.STEPS].length == size


@pytest.mark.parametrize("dies_before", ["steps.jsonl", "evals.jsonl", "layers.f32", "how.json"])
def test_a_process_that_dies_while_it_cuts_tables_leaves_a_whole_run(
    run, how, write, dies_before, monkeypatch
):
    with RunWriter(run) as writer:
        writer.begin(how)
        write(writer, 0, 6)
        writer.checkpoint({"a": np.ones(1)}, step=6, seconds=1.5)
        write(writer, 6, 10)
        writer.status("stopped", 10, 2.5)
    replace = files.replace_file

    def dies(path: Path, content: bytes) -> None:
        if path.name == dies_before:
            raise KeyboardInterrupt
        replace(path, content)

    with monkeypatch.context() as patch, RunWriter(run) as writer:
        patch.setattr(files, "replace_file", dies)
        with pytest.raises(KeyboardInterrupt):
            writer.begin(how)
    everything(run)
    with RunWriter(run) as writer:
        assert writer.begin(how).step == 6
    assert run.steps()["step"].tolist() == list(range(6))


def test_a_table_that_is_cut_while_it_is_read_is_no_damage(stopped, how, monkeypatch):
    """The reader has the old checksums, and the table as it is after the run was resumed."""
    with RunWriter(stopped) as writer:
        writer.begin(how)
        checksums_of, seen = files.read_checksums, []

        def resumes(folder: Path) -> dict[str, checksums.Checksum]:
            known = checksums_of(folder)
            if not seen:
                seen.append(known)
                (stopped.path / files.CHECKPOINT).unlink()
                writer.begin(how)
            return known

        monkeypatch.setattr(files, "read_checksums", resumes)
        assert stopped.steps().empty


def test_a_json_file_may_be_edited_by_hand(finished):
    path = finished.path / files.HOW
    path.write_text(path.read_text().replace('"device": "cpu"', '"device": "cuda"'))
    assert finished.compute.device == "cuda"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"threads": 7}))
    assert finished.compute.threads == 7
    assert finished.compute.more == {}


@pytest.mark.parametrize("data", [{}, {"a": 1}, {"a": {"crc32": "00000000"}}, {"ü": [1, None, "\n}"]}])
def test_every_bit_of_a_json_file_is_checked(tmp_path, data):
    path = tmp_path / "facts.json"
    files.write_sealed(path, data)
    assert files.read_json(path) == data
    content = path.read_bytes()
    for place in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            found = files.read_json(path)
        except RunError:
            continue
        assert {key: value for key, value in found.items() if key in data} == data


def test_an_experiment_of_another_name_is_named(finished, tiny):
    (finished.path / files.EXPERIMENT).write_text(tiny(steps=10, lr=0.5).to_json())
    with pytest.raises(RunError, match=r"experiment\.json is damaged: it describes resnet-8-digits-s0-"):
        _ = Run(finished.path).experiment


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes in folders")
def test_a_pipe_in_the_place_of_a_file_is_not_read(finished):
    for path in content_of(finished):
        kept = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(RunError) as caught:
            everything(finished)
        assert str(path) in str(caught.value)
        path.unlink()
        path.write_bytes(kept)
    path.unlink()
    path.mkdir()
    with pytest.raises(RunError, match="no plain file"):
        everything(finished)


def test_a_copy_of_a_run_is_whole(finished, tmp_path):
    copy = shutil.copytree(finished.path, tmp_path / finished.name)
    assert everything(Run(copy)) == everything(finished)


def test_tensors_come_back_to_the_bit(tmp_path):
    path = tmp_path / "x.safetensors"
    written = {"b": np.arange(6, dtype="float16").reshape(2, 3).T, "a": np.array(3), "none": np.ones((0, 2))}
    tensors.write(path, written, {"step": 3})
    found, facts = tensors.read(path, "copy it again")
    assert facts == {"step": 3}
    assert all(np.array_equal(found[name], each) for name, each in written.items())
    assert {name: each.dtype for name, each in found.items()} == {n: e.dtype for n, e in written.items()}
