"""The benchmarks compute what they say, shown on the smallest nets; the GPU's run here as far as they go."""

from __future__ import annotations

import dataclasses
import importlib

import pytest
import torch
import torch.nn.functional as F

from benchmarks import __main__ as command
from benchmarks import depth, flow, gpu, together
from benchmarks.common import digits, markdown, plain_compute, run, seconds_a_step, trainer
from benchmarks.stacked import Stacked
from resnet_edu import data, nets
from resnet_edu.experiment import Cifar
from resnet_edu.experiment.budgets import at
from resnet_edu.training.sgd import FusedSGD


@pytest.mark.parametrize("name", command.PARTS)
def test_every_benchmark_says_what_it_measures(name):
    part = importlib.import_module(f"benchmarks.{name}")
    assert callable(part.table)
    assert len(part.__doc__) > 80


def test_a_section_takes_the_place_of_its_former_self():
    text = command.with_section("# Measured\n\nold head\n", "Import times", "## Import times\n\nfirst\n")
    text = command.with_section(text, "Cost against depth", "## Cost against depth\n\na line\n")
    text = command.with_section(text, "Import times", "## Import times\n\nsecond\n")
    assert text.index("a line") < text.index("second")
    assert "first" not in text
    assert "old head" not in text
    assert text.startswith("# Measured\n\nMade by `make bench`")
    assert command.with_section(text, "Import times", "## Import times\n\nsecond\n") == text


def test_unknown_names_are_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "speed"])
    with pytest.raises(SystemExit):
        command.main()
    assert "NAME is 'speed'; allowed: choices, " in capsys.readouterr().err


def test_a_table():
    assert markdown(["a", 1], [["b", 2]]) == "| a | 1 |\n| --- | --- |\n| b | 2 |"


def test_a_straight_line():
    slope, intercept, share = depth.line([0, 1, 2], [1.0, 3.0, 5.0])
    assert (slope, intercept, share) == pytest.approx((2.0, 1.0, 1.0))


def test_timed_steps_are_steps():
    engine = trainer(digits("plain-8"), plain_compute()).engine
    assert 0 < seconds_a_step(engine, 2, times=1) < 60
    assert run(engine, 3, first=2, record=True) > 0
    assert (engine.norms[:3] > 0).all()
    assert engine.row.item() == 3


def test_the_floor_counts_what_convolutions_read_and_write():
    """REFERENCE: 26 ms an epoch of 50,000 images at 4.3 TB/s for ResNet-20, 74 for 56, 146 for 110."""
    colours = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    images = dataclasses.replace(data.load(at("minute", "plain-8").data), train_images=colours)
    for name, milliseconds in (("resnet-20", 26), ("resnet-56", 74), ("resnet-110", 146)):
        seconds = 50_000 * gpu.floor_bytes(at("paper", name), images) / 4.3e12
        assert 1000 * seconds == pytest.approx(milliseconds, rel=0.02)


@pytest.mark.slow
def test_stacked_nets_learn_what_each_learns_alone():
    made = [nets.build(Cifar(8, width=4), channels=1, side=8, classes=10, seed=seed) for seed in range(3)]
    alone = [nets.build(Cifar(8, width=4), channels=1, side=8, classes=10, seed=seed) for seed in range(3)]
    stacked, lr = Stacked(made), torch.tensor([0.05])
    optimizers = [FusedSGD(net.parameters(), 0.9, 1e-4) for net in alone]
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        inputs = torch.randn(3, 16, 1, 8, 8, generator=generator)
        labels = torch.randint(10, (3, 16), generator=generator)
        losses = stacked.step(inputs, labels, lr)
        for i, (net, optimizer) in enumerate(zip(alone, optimizers, strict=True)):
            loss = F.cross_entropy(net(inputs[i]), labels[i])
            assert losses[i].item() == pytest.approx(loss.item(), rel=1e-3)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step(lr)
    for i, net in enumerate(alone):
        for name, tensor in net.named_buffers():
            torch.testing.assert_close(stacked.statistics[name][i], tensor, rtol=1e-2, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["alternating", "streams", "stacked"])
def test_ways_to_train_several_at_once(way):
    measure = getattr(together, way)
    assert measure(digits("plain-8"), plain_compute(), 2, 2) > 0


@pytest.mark.slow
def test_the_gpu_s_table_here(monkeypatch):
    """On the CPU nothing is captured, and no kernel is launched on a device."""
    monkeypatch.setattr(gpu, "cifar", digits)
    monkeypatch.setattr(torch, "compile", lambda net, dynamic: net)
    monkeypatch.setattr(gpu, "bandwidth", lambda device: 1e9)
    text = gpu.measured("cpu", ("plain-8",), 1)
    assert "| plain-8 |" in text
    assert "| eager | captured | compiled too |" in text


@pytest.mark.slow
def test_the_picture_s_questions_are_timed_each_by_itself():
    text = flow.questions(depths=(8,), times=2)
    rows = [line.split(" | ") for line in text.splitlines()[2:]]
    assert [row[0].removeprefix("| ") for row in rows] == list(flow.ASKED)
    assert all(row[1:3] == ["8", "2"] for row in rows)
