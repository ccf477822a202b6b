"""`resnet-edu train` and `resume`."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from commands import SMALL, described

from resnet_edu.cli.common import clock, gentle_interrupt
from resnet_edu.experiment import Cifar, Dense, Experiment, ImageFolder, Recipe, budgets
from resnet_edu.runs import RunWriter, Shelf, files


def only():
    (run,) = Shelf().runs()
    return run


def test_train_shows_where_how_far_and_how_well(train):
    said = train()
    run = only()
    assert said.code == 0
    assert said.out.splitlines()[:2] == [run.name, str(run.path)]
    assert "step      0: training error 78.12 %, test error" in said.out
    assert "(of 64 training images)" in said.out
    assert "4/4 steps" in said.out
    assert "done at step 4 of 4 after " in said.out.splitlines()[-1]
    assert f"training error {run.evals()['train_error'].iloc[-1]:.2f} %" in said.out.splitlines()[-1]
    assert said.error == ""
    assert run.status().state == "done"
    assert run.experiment == described(*SMALL, "--steps=4")


def test_grad_checkpointing_needs_less_memory_and_gives_the_same_numbers(train):
    train()
    assert train("--grad-checkpointing", "--again").code == 0
    one, other = Shelf().runs()
    assert (one.compute.grad_checkpointing, other.compute.grad_checkpointing) == (False, True)
    assert one.steps()["loss"].equals(other.steps()["loss"])


def test_what_is_trained_is_not_trained_twice(train):
    train()
    weights = only().path / "weights" / "000004.safetensors"
    written = weights.stat().st_mtime_ns
    said = train()
    assert said.code == 0
    assert f"{only().name} is trained already: done at step 4 of 4" in said.out
    assert "--again trains it again, as another attempt." in said.out
    assert weights.stat().st_mtime_ns == written


def test_again_is_another_attempt_with_the_same_numbers(train):
    train()
    assert train("--again").code == 0
    one, other = Shelf().runs()
    assert other.name == f"{one.name}~2"
    assert all(np.array_equal(tensor, one.weights()[name]) for name, tensor in other.weights().items())
    assert one.steps()["loss"].equals(other.steps()["loss"])


def test_again_goes_on_with_what_was_not_finished(train):
    run = Shelf().get_or_create(described(*SMALL, "--steps=4"))
    run.stop()
    assert train("--again").code == 0
    assert only().status().state == "done"


def test_more_can_be_recorded(train):
    train("--every-step", "--keep-weights=3")
    assert only().layers()["step"].nunique() == 4
    assert only().weight_steps() == [1, 2, 4]


def test_a_diverged_training_says_where_and_why(train):
    said = train("--lr=100", "--steps=9")
    assert said.code == 1
    assert "diverged at step 2 of 9 after " in said.out
    assert ": diverged at step 2, layer logits: the loss grew to " in said.out


def test_another_shelf(train, tmp_path):
    assert train(f"--shelf={tmp_path / 'other'}").code == 0
    assert Shelf().runs() == []
    assert len(Shelf(tmp_path / "other").runs()) == 1


def test_a_run_that_somebody_else_trains(train):
    run = Shelf().get_or_create(described(*SMALL, "--steps=4"))
    with RunWriter(run):
        said = train()
    assert said.code == 2
    assert said.error == f"resnet-edu: {run.name} is being written by another process\n"


def test_budgets_and_flags_on_top_of_them():
    assert described("--budget=minute") == budgets.at("minute", "resnet-20")
    assert described("--budget=minute", "--net=plain-56", "--seed=2") == budgets.at("minute", "plain-56", 2)
    assert described("--budget=lesson", "--lr=0.2").recipe == Recipe(steps=1000, lr=0.2)
    assert (
        described("--budget=minute", "--net=dense-plain-6").net == budgets.at("minute", "dense-plain-6").net
    )


def test_an_experiment_s_file_and_flags_on_top_of_it(tmp_path):
    file = tmp_path / "e.json"
    for experiment in (
        Experiment(Cifar(depth=56, width=4), recipe=Recipe(lr=0.3), seed=5),
        Experiment(Dense(depth=50, width=9)),
    ):
        file.write_text(experiment.to_json())
        assert described(f"--experiment={file}") == experiment
        changed = described(f"--experiment={file}", "--net=plain-20", "--seed=6")
        assert changed.label == "plain-20", "what is told last counts"
        assert (changed.seed, changed.recipe) == (6, experiment.recipe)


def test_a_folder_of_images_is_named_by_its_content(tmp_path):
    from PIL import Image

    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / "images" / split / name).mkdir(parents=True)
            Image.new("RGB", (9, 9), "red").save(tmp_path / "images" / split / name / "1.png")
    described_here = described(f"--data=imagefolder:{tmp_path / 'images'}")
    assert isinstance(described_here.data, ImageFolder)
    assert len(described_here.data.digest) == 64
    os.rename(tmp_path / "images", tmp_path / "elsewhere")
    described_there = described(f"--data=imagefolder:{tmp_path / 'elsewhere'}", "--data.side=32")
    assert described_there.key == described_here.key
    assert described_there != described_here


@pytest.mark.parametrize("words", [("resume",), ("runs", "resume")])
def test_resume_goes_on_where_it_was_stopped(command, train, words):
    train(f"--shelf={Shelf().path}-whole")
    (whole,) = Shelf(f"{Shelf().path}-whole").runs()
    run = Shelf().get_or_create(whole.experiment)
    run.stop()
    said = command(*words, "resnet-8")
    assert said.code == 0
    assert run.status().state == "done"
    assert run.steps()["loss"].equals(whole.steps()["loss"])


def test_there_is_nothing_to_resume(command, train):
    train()
    said = command("resume", "resnet-8")
    assert said.code == 2
    assert said.error == f"resnet-edu: {only().name} is done; there is nothing to resume\n"


def test_a_damaged_checkpoint_is_said_and_can_be_mended(command, train):
    run = Shelf().get_or_create(described(*SMALL, "--steps=4"))
    (run.path / files.CHECKPOINT).write_bytes(b"rubbish")
    said = command("resume", "resnet-8")
    assert said.code == 2
    assert f"{run.path / files.CHECKPOINT} is damaged" in said.error
    (run.path / files.CHECKPOINT).unlink()
    assert command("resume", "resnet-8").code == 0


def test_ctrl_c_once_asks_and_twice_interrupts(capsys):
    before = signal.getsignal(signal.SIGINT)

    def press_twice():
        with gentle_interrupt("Stopping.") as wanted:
            assert wanted()
            signal.raise_signal(signal.SIGINT)
            assert not wanted()
            assert "Stopping." in capsys.readouterr().out
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        press_twice()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_at_once_leaves_a_run_that_resumes_from_the_start(command, train, monkeypatch):
    from resnet_edu import training

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training, "train", interrupted)
        assert train().code == 130
    assert only().status().state == "interrupted"
    assert command("resume", "resnet-8").code == 0


@pytest.mark.parametrize(("seconds", "text"), [(None, "–:––"), (0, "0:00"), (59.9, "0:59"), (3661, "61:01")])
def test_the_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    "words", ["", "train", "resume", "runs", "runs list", "runs remove", "study", "demo", "data"]
)
def test_every_command_has_help(command, words):
    said = command(*words.split(), "--help")
    assert said.code == 0
    assert said.out.startswith("usage: resnet-edu")


def test_the_version(command):
    import resnet_edu

    assert command("--version").out.strip() == resnet_edu.__version__


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_run_that_resumes_to_the_bit(command, train, tmp_path, sent, code):
    long = (*SMALL, "--steps=400", "--augment=true")
    train_it = [sys.executable, "-m", "resnet_edu", "train", *long]
    process = subprocess.Popen(train_it, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while not (Shelf().runs() and only().status().step > 20):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(sent)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    run = only()
    assert process.returncode == code
    assert "Stopping after the present steps" in out
    assert out.splitlines()[-1].startswith("Continue with: resnet-edu resume")
    status = run.status()
    assert status.state == "stopped"
    assert 20 < status.step < 400
    assert json.loads((run.path / files.STATUS).read_text())["message"] == "stopped; it can be resumed"

    assert command("resume", run.name).code == 0
    assert command("train", *long, f"--shelf={tmp_path / 'whole'}").code == 0
    whole = Shelf(tmp_path / "whole").find(run.name)
    resumed, uninterrupted = run.weights(), whole.weights()
    assert resumed.keys() == uninterrupted.keys()
    assert all(np.array_equal(tensor, uninterrupted[name]) for name, tensor in resumed.items())
    timeless = ["step", "loss", "lr"]
    assert run.steps()[timeless].equals(whole.steps()[timeless])
    for table in ("layers", "evals", "blocks"):
        assert getattr(run, table)().equals(getattr(whole, table)()), table
