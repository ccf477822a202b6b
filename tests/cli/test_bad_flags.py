"""What each wrong word on the command line is answered: one line, what and what is allowed, status 2."""

import json

import pytest

from resnet_edu.runs import Shelf

STUDIES = "(choose from 'degradation', 'residual_depth', "
BUDGETS = "minute, lesson, lesson-cifar, quarter, paper"
ROOT = "an image folder holds train/CLASS/*.jpg and test/CLASS/*.jpg"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --lr fast", "lr is 'fast'; it takes a number, allowed: 0 … 100"),
        ("train --lr -1", "lr is -1.0; allowed: 0 … 100"),
        ("train --recipe.steps 0", "steps is 0; allowed: 1 … 10000000"),
        ("train --net vgg-16", "net is 'vgg-16'; allowed: plain-N, resnet-N, dense-plain-N, dense-resnet-N"),
        ("train --net plain-21", "depth is 21; a CIFAR net has 6n+2 layers: 8, 14, 20, 32, 44, 56, 110 …"),
        ("train --shortcut D", "net.shortcut is 'D'; allowed: A, B, C, scaled, gate, "),
        ("train --data mnist", "data is 'mnist'; allowed: digits, cifar10, fashion-mnist, imagefolder"),
        ("train --data digits:folder", "data.path is not known; known here: train, side"),
        ("train --data imagefolder", f"data.path is empty; it takes a folder that holds {ROOT[22:]}"),
        ("train --data imagefolder:none", "the image folder none does not exist"),
        ("train --data imagefolder:empty", f"empty/train is missing; {ROOT}"),
        ("train --train 9999 --steps 1", "train is 9999; digits has 1500 training images (0 takes all)"),
        ("train --seed one", "seed is 'one'; it takes a whole number, allowed: 0 … 4294967295"),
        ("train --budget hour", f"budget is 'hour'; allowed: {BUDGETS}, imagenet"),
        ("train --budget minute --net alexnet-8", "net is 'alexnet-8'; allowed: plain-N, resnet-N, dense-"),
        ("train --steps 1 --checkpoints 0", "keep-weights is 0; allowed: 1 … 1000"),
        ("train --experiment none.json", "--experiment none.json: No such file or directory"),
        ("train --experiment empty", "--experiment empty: Is a directory"),
        ("train --experiment torn.json", "--experiment torn.json: this is not JSON: Expecting property"),
        ("train --experiment latin.json", "--experiment latin.json: 'utf-8' codec can't decode byte 0xff"),
        ("train --experiment seed.json", "--experiment seed.json: seed is -1; allowed: 0 … 4294967295"),
        ("train --steps 1 --shelf torn.json", "[Errno 20] Not a directory: 'torn.json/resnet-20-digits-s0-"),
        ("resume nothing", "no run is called 'nothing' in RUNS; `resnet-edu runs` lists them"),
        ("runs resume nothing", "no run is called 'nothing' in RUNS; `resnet-edu runs` lists them"),
        ("runs show nothing", "no run is called 'nothing' in RUNS; `resnet-edu runs` lists them"),
        ("runs export nothing", "no run is called 'nothing' in RUNS; `resnet-edu runs` lists them"),
        ("study degradation --depths 9", "depth is 9; a CIFAR net has 6n+2 layers: 8, 14, 20, 32, 44, 56"),
        ("study degradation --seeds -1", "seed is -1; allowed: 0 … 4294967295"),
    ],
)
def test_a_wrong_value_is_answered_in_one_line(command, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.json").write_text("{")
    (tmp_path / "latin.json").write_bytes(b'{"seed": "\xff"}')
    (tmp_path / "seed.json").write_text(json.dumps({"seed": -1}))
    said = command(*words.split())
    assert said.code == 2
    assert said.error.startswith("resnet-edu: " + message.replace("RUNS", str(Shelf().path)))
    assert said.error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "resnet-edu: error: the following arguments are required: COMMAND"),
        ("frobnicate", "argument COMMAND: invalid choice: 'frobnicate'"),
        ("train --momentun 1", "unrecognized arguments: --momentun 1"),
        ("train --checkpoints many", "argument --checkpoints: invalid int value: 'many'"),
        ("train --lr", "argument --recipe.lr/--lr: expected one argument"),
        ("resume", "the following arguments are required: name"),
        ("runs frobnicate", "argument VERB: invalid choice: 'frobnicate'"),
        ("runs show", "the following arguments are required: names"),
        ("runs export x --format xlsx", "argument --format: invalid choice: 'xlsx'"),
        ("runs pack x", "the following arguments are required: --into"),
        ("study", "the following arguments are required: name"),
        ("study degradation --budget minute --depths 8 --seeds x", "'x': whole numbers separated by commas"),
        ("study depth", f"argument name: invalid choice: 'depth' {STUDIES}"),
        ("study degradation --budget hour", "argument --budget: invalid choice: 'hour'"),
        ("study degradation --depths 8,x", "'8,x': whole numbers separated by commas, such as 8,20,56"),
        ("study degradation --seeds ,", "',': whole numbers separated by commas, such as 8,20,56"),
        ("data get", "which one? cifar10 or fashion-mnist"),
        ("data get mnist", "argument set: invalid choice: 'mnist' (choose from 'cifar10', 'fashion-mnist')"),
    ],
)
def test_a_wrong_word_is_answered_with_the_usage(command, words, message):
    said = command(*words.split())
    assert said.code == 2
    assert said.error.startswith("usage: resnet-edu")
    assert message in said.error


def test_a_device_that_is_not_here_can_be_put_right(train):
    said = train("--device=quantum")
    assert said.code == 2
    assert "device is 'quantum'; this machine has " in said.error
    assert Shelf().runs() == [], "nothing is begun"
    assert train().code == 0, "the same again, without the mistake"


def test_data_that_is_not_here_is_named_with_what_mends_it(command, tmp_path):
    said = command("train", "--data=cifar10", "--steps=1", f"--data-dir={tmp_path}")
    assert said.code == 2
    assert f"searched {tmp_path}" in said.error
    assert "Repair it with: resnet-edu data get cifar10" in said.error
