"""torch.compile, tried on one batch before a training relies on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_edu.measure import preserve_bn_stats
from resnet_edu.nets import ResNet, stochastic_modules
from resnet_edu.training.devices import autocast
from resnet_edu.training.graphs import reason

Model = Callable[[Tensor], Tensor]


def unfit(net: ResNet) -> str:
    """Why this net is not compiled whatever it may gain; empty if nothing is against it."""
    if net.activation_checkpointing:
        return "activations are checkpointed"
    if stochastic_modules(net):
        return "compiled code has draws of its own, so dropout and stochastic depth would not be the seed's"
    return ""


def compiled(net: ResNet, inputs: Tensor, labels: Tensor, how: Mapping[str, Any]) -> tuple[Model, str]:
    """The net compiled, forward and backward; or the net itself and the reason (no C++ compiler, say).

    Takes from seconds to minutes, all of them here. Leaves weights, statistics and gradients as they were.
    """
    if trouble := unfit(net):
        return net, trouble
    try:
        model = torch.compile(net, dynamic=False)
        with preserve_bn_stats(net, training=True):
            with autocast(how):
                logits = model(inputs)
            F.cross_entropy(logits.float(), labels).backward()
    except Exception as error:  # a compiler fails in many ways, and is never needed
        return net, reason(error)
    finally:
        net.zero_grad(set_to_none=True)
    return model, ""
