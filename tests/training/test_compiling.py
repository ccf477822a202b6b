"""Compiled nets: tried first, never relied on."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from trainings import HOW, run, same

from resnet_edu import nets
from resnet_edu.experiment import Cifar
from resnet_edu.training import Checkpoint, ComputeChoice
from resnet_edu.training.compiling import compiled

COMPILED = HOW | {"compiled": True}


@pytest.fixture
def net():
    return nets.build(Cifar(8, width=2), channels=1, side=8, classes=10, seed=0)


def a_batch():
    return torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 10


def test_trying_leaves_no_trace(net, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda net, dynamic: lambda x: net(x))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    model, trouble = compiled(net, *a_batch(), ComputeChoice.from_dict(HOW))
    assert trouble == ""
    assert model is not net
    assert same(net.state_dict(), before)
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_compiler_that_fails_loses_nothing(tiny, digits, monkeypatch):
    def fails(net, dynamic):
        def model(x):
            raise RuntimeError("No working C++ compiler found\nin any of these places")

        return model

    monkeypatch.setattr(torch, "compile", fails)
    trained, whole = run(tiny(), digits, how=COMPILED), run(tiny(), digits)
    assert trained.numbers() == whole.numbers()
    assert same(trained.end, whole.end)
    because = "RuntimeError: No working C++ compiler found"
    assert trained.resolved == {"compiled": False, "compiled_because": because}


@pytest.mark.parametrize(
    ("change", "because"),
    [({"survival": 0.5}, "compiled code draws differently"), ({}, "activations are checkpointed")],
)
def test_some_nets_are_not_compiled(tiny, digits, monkeypatch, change, because):
    monkeypatch.setattr(torch, "compile", None)
    experiment = tiny()
    experiment = dataclasses.replace(experiment, net=dataclasses.replace(experiment.net, **change))
    trained = run(experiment, digits, how=COMPILED | {"checkpointed": not change})
    assert trained.resolved["compiled_because"].startswith(because)
    assert len(trained.steps) == 6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_a_compiled_training_is_the_same_training_and_resumes_to_the_bit(tiny, digits):
    experiment = tiny(steps=8, augment=True, lr=0.02)
    whole, eager = run(experiment, digits, how=COMPILED), run(experiment, digits)
    if why := whole.resolved.get("compiled_because"):
        pytest.skip(why)
    assert whole.losses() == pytest.approx(eager.losses(), rel=1e-3)
    stopped = min(step for step in whole.states if step >= 4)
    saved = Checkpoint(whole.states[stopped], stopped, 1.0)
    rest = run(experiment, digits, how=COMPILED, resume=saved)
    assert rest.losses() == whole.losses()[stopped:]
    assert same(rest.end, whole.end)
