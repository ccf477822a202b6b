"""A run as bytes: whole again on the other side, and nothing anywhere else."""

import io
import zipfile

import numpy as np
import pytest

from resnet_edu.runs import ComputeConfig, Run, RunError, RunWriter, Shelf, archive, files


@pytest.fixture
def run(tiny) -> Run:
    """Four steps of six, with a checkpoint and weights kept after two."""
    run = Shelf().get_or_create(tiny())
    with RunWriter(run) as writer:
        writer.begin(ComputeConfig("cpu", layers=("stem",)))
        writer.append([{"step": step, "loss": 2.0, "lr": 0.1, "seconds": 1.0} for step in range(4)], [], [])
        writer.append_norms(np.ones((4, 4), np.float32))
        writer.keep_weights(2, {"w": np.zeros(3, np.float32)})
        writer.checkpoint({"net.w": np.ones(3, np.float32)}, step=4, seconds=1.5)
        writer.status("stopped", 4, 1.5, "stopped; it can be resumed")
    return run


def zipped(**contents: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_a_run_arrives_as_it_was_sent(run, tmp_path):
    sent = archive.pack(run, weights=True)
    archive.extract(archive.unpack(sent), tmp_path / "elsewhere")
    arrived = Run(tmp_path / "elsewhere")
    there = sorted(path.relative_to(run.path) for path in run.path.rglob("*.*"))
    assert sorted(path.relative_to(arrived.path) for path in arrived.path.rglob("*.*")) == there
    for name in there:
        assert (arrived.path / name).read_bytes() == (run.path / name).read_bytes()
    assert archive.status_in(archive.unpack(sent), 6) == run.status()


def test_weights_may_stay_at_home(run):
    assert "weights/000002.safetensors" in archive.unpack(archive.pack(run, weights=True))
    assert not any(name.startswith("weights") for name in archive.unpack(archive.pack(run, weights=False)))


@pytest.mark.parametrize(
    "name",
    [
        "../steps.jsonl",
        "/steps.jsonl",
        "weights/../../steps.jsonl",
        "weights/../000001.safetensors",
        "weights\\..\\000001.safetensors",
        "weights/000001.safetensors/x",
        "weights/000001.safetensors\n",
        "weights/٠٠٠٠٠١.safetensors",
        "weights/1.safetensors",
        "C:steps.jsonl",
        "./steps.jsonl",
        "steps.jsonl ",
        "lock",
        "stop",
        "probes/x/answer.json",
        ".choices.json",
        "weights/",
    ],
)
def test_nothing_is_taken_out_but_files_of_a_run(name):
    with pytest.raises(RunError, match=r"^a run's archive holds .*, which is no file of a run$"):
        archive.unpack(zipped(**{"steps.jsonl": b"", name: b"x"}))


@pytest.mark.parametrize(
    "bad", [b"", b"PK", b"no archive at all", zipped(a=b"x")[:-30]], ids=["empty", "begun", "text", "cut"]
)
def test_a_damaged_archive(bad):
    with pytest.raises(RunError, match=r"^a run's archive is damaged \("):
        archive.unpack(bad)


def test_an_archive_with_a_flipped_bit(run):
    sent = bytearray(archive.pack(run, weights=True))
    sent[sent.index(b'"net.w"')] ^= 1
    with pytest.raises(RunError, match=r"^a run's archive is damaged \("):
        archive.unpack(bytes(sent))


def test_an_archive_that_blows_up(monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 10_000)
    archive.unpack(zipped(**{"steps.jsonl": bytes(10_000)}))
    with pytest.raises(RunError, match="more than"):
        archive.unpack(zipped(**{"steps.jsonl": bytes(10_001)}))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"{}",
        b'{"state": "running", "step": 4, "seconds": 1.0, "message": ""}',
        b'{"state": "done", "step": 7, "seconds": 1.0, "message": ""}',
        b'{"state": "done", "step": -1, "seconds": 1.0, "message": ""}',
        b'{"state": "done", "step": "x", "seconds": 1.0, "message": ""}',
        b'{"state": "done", "step": 6, "seconds": null, "message": ""}',
        b"[" * 100_000,
    ],
)
def test_an_archive_that_does_not_say_how_far_its_run_is(said):
    with pytest.raises(RunError, match="does not say how far"):
        archive.status_in({"status.json": said}, steps=6)
    with pytest.raises(RunError, match="does not say how far"):
        archive.status_in({}, steps=6)


def test_who_breaks_off_in_the_middle_leaves_a_run_that_can_be_resumed(run, tmp_path, monkeypatch):
    """The checkpoint comes after the rows that belong to it."""
    contents = archive.unpack(archive.pack(run, weights=True))
    written: list[str] = []
    whole = files.replace_file
    with monkeypatch.context() as patched:
        patched.setattr(
            files, "replace_file", lambda path, text: (written.append(path.name), whole(path, text))
        )
        archive.extract(contents, tmp_path / "there")
    assert written[-1] == files.CHECKPOINT
    assert sorted(written[:-1]) == sorted(name.split("/")[-1] for name in contents if name != written[-1])
