"""torch.compile, tried on one batch before the training relies on it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_edu.measure import preserve_bn_stats
from resnet_edu.nets import ResNet, stochastic_modules
from resnet_edu.training.compute import ComputeChoice
from resnet_edu.training.devices import autocast
from resnet_edu.training.graphs import one_line

Model = Callable[[Tensor], Tensor]


def why_not(net: ResNet) -> str:
    """Why this net cannot be compiled; empty if it can."""
    if net.activation_checkpointing:
        return "activations are checkpointed"
    if stochastic_modules(net):
        return "compiled code draws differently, so dropout and stochastic depth would not follow the seed"
    return ""


def compiled(net: ResNet, inputs: Tensor, labels: Tensor, compute: ComputeChoice) -> tuple[Model, str]:
    """The compiled net and ""; or the net itself and the reason (no C++ compiler, for example).

    Compiles forward and backward on one batch, inputs float [B, C, H, W] and labels int64 [B], which takes
    seconds to minutes. Weights, statistics and gradients do not change.
    """
    if reason := why_not(net):
        return net, reason
    try:
        model = torch.compile(net, dynamic=False)
        with preserve_bn_stats(net, training=True):
            with autocast(compute):
                logits = model(inputs)
            F.cross_entropy(logits.float(), labels).backward()
    except Exception as error:  # compilers fail in many ways, and the training can do without
        return net, one_line(error)
    finally:
        net.zero_grad(set_to_none=True)
    return model, ""
