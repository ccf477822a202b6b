"""What only a GPU can show: that real captures succeed, and compute what eager steps compute."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from trainings import HOW, run

from resnet_edu.data import load
from resnet_edu.experiment import Cifar, Digits
from resnet_edu.training import graphs

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
ON_CUDA = HOW | {"device": "cuda"}
WAYS = [("float32", "contiguous_format"), ("bfloat16", "channels_last")]


@pytest.fixture(scope="module")
def on_cuda():
    return load(Digits(train=64), device="cuda")


@pytest.mark.parametrize(("precision", "form"), WAYS)
@pytest.mark.parametrize("net", [Cifar(8, width=4), Cifar(14, width=4, survival=0.5)])
def test_captured_steps_are_eager_steps(tiny, on_cuda, precision, form, net):
    how = ON_CUDA | {"precision": precision, "memory_format": form}
    experiment = dataclasses.replace(tiny(steps=40, augment=True, lr=0.01), net=net)
    captured = run(experiment, on_cuda, how=how, every_step=True)
    eager = run(experiment, on_cuda, how=how | {"captured": False}, every_step=True)
    assert captured.resolved["captured"] is True, captured.resolved["captured_because"]
    assert captured.losses() == pytest.approx(eager.losses(), rel=0.05)
    assert captured.losses()[:6] == pytest.approx(eager.losses()[:6], rel=1e-2)
    for step in range(6):
        torch.testing.assert_close(captured.norms[step], eager.norms[step], rtol=0.05, atol=1e-4)


def test_a_training_on_a_gpu_is_one_on_a_cpu(tiny, on_cuda, digits):
    experiment = tiny(steps=10, lr=0.01)
    assert run(experiment, on_cuda, how=ON_CUDA).losses() == pytest.approx(
        run(experiment, digits).losses(), rel=0.02
    )


def test_a_capture_that_fails_on_a_gpu_loses_nothing(tiny, on_cuda, monkeypatch):
    whole = run(tiny(steps=20), on_cuda, how=ON_CUDA)
    monkeypatch.setattr(
        graphs.torch.Tensor, "__iadd__", lambda tensor, other: tensor.fill_(tensor.item() + 1)
    )
    trained = run(tiny(steps=20), on_cuda, how=ON_CUDA)  # asks the device for a number in every step
    assert trained.resolved["captured"] is False
    assert trained.losses() == pytest.approx(whole.losses(), rel=0.05)


def test_a_divergence_is_found_where_it_is(tiny, on_cuda, digits):
    experiment = tiny(lr=100, steps=30)
    on_gpu = run(experiment, on_cuda, how=ON_CUDA, chunk_seconds=1000)
    assert on_gpu.diverged.step == run(experiment, digits).diverged.step
