"""The block that newcomers read first computes what the general unit computes."""

from __future__ import annotations

import pytest
import torch

from resnet_edu.experiment import NoShortcut, PadShortcut
from resnet_edu.nets.basic_block import BasicBlock, PlainBlock
from resnet_edu.nets.branches import conv_unit


@pytest.mark.parametrize(("block", "shortcut"), [(PlainBlock, NoShortcut()), (BasicBlock, PadShortcut())])
@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
def test_outputs_and_gradients_are_the_general_unit_s_to_the_bit(block, shortcut, training):
    torch.manual_seed(0)
    ours, general = block(8).train(training), conv_unit(shortcut, 8, 8).train(training)
    renamed = {name.removeprefix("branch."): tensor for name, tensor in general.state_dict().items()}
    ours.load_state_dict(renamed)
    x = torch.randn(4, 8, 6, 6)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [module(each) for module, each in zip((ours, general), inputs, strict=True)]
    assert torch.equal(*outputs)
    outputs[0].square().sum().backward()
    outputs[1].square().sum().backward()
    assert torch.equal(inputs[0].grad, inputs[1].grad)
    of_general = {name.removeprefix("branch."): p.grad for name, p in general.named_parameters()}
    for name, parameter in ours.named_parameters():
        assert torch.equal(parameter.grad, of_general[name]), name
