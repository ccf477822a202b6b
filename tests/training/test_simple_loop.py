"""The loop that newcomers read first computes what the real one computes."""

from __future__ import annotations

import pytest
import torch

from resnet_edu.training import simple_loop


@pytest.mark.parametrize(
    "recipe", [{}, {"augment": True}, {"warmup": 2, "drops": (0.5,)}, {"momentum": 0.0}, {"frozen": 2}]
)
def test_losses_and_weights_are_those_of_the_real_loop_to_the_bit(train, tiny, digits, recipe):
    experiment = tiny(steps=6, **recipe)
    real = train(experiment)
    found = list(simple_loop.train(experiment, digits))
    assert [loss for _, loss in found] == real.losses()
    net, _ = found[-1]
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, real.end[f"net.{name}"]), name
