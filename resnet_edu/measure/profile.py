"""The gradient all along a net, at one moment: by layer, by unit, and how alike it is at nearby inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_edu import nets
from resnet_edu.measure.blocks import nudge
from resnet_edu.measure.errors import preserve_bn_stats
from resnet_edu.nets import ResNet


@dataclass(frozen=True)
class GradientProfile:
    """Of the batch's mean loss (nats): `weight`, the L2 norm of each layer's weight gradient; of each unit,
    from input to output, `activation`, the L2 norm of the gradient at its output over the whole batch, and
    `correlation`, the cosine (−1 … 1) between that gradient and the one at an input moved by 1 %, averaged
    over the images."""

    loss: float
    weight: list[float]
    activation: list[float]
    correlation: list[float]


def gradient_profile(
    net: ResNet, inputs: Tensor, labels: Tensor, generator: torch.Generator, *, batch_statistics: bool = True
) -> GradientProfile:
    """Two backward passes, at `inputs` float [N, C, H, W] and beside them; `generator` draws the move.

    `activation` and `correlation` equal those of `block_gradients`. The net is left as it is.
    """
    weights = [weight for _, weight in nets.layers(net)]
    with preserve_bn_stats(net, training=batch_statistics):
        loss, outputs = _pass(net, inputs, labels)
        found = torch.autograd.grad(loss, [*outputs, *weights], materialize_grads=True)
        here, by_weight = found[: len(outputs)], found[len(outputs) :]
        there = torch.autograd.grad(*_pass(net, inputs + nudge(inputs, generator), labels))
    cosines = [
        F.cosine_similarity(a.flatten(1), b.flatten(1), eps=1e-30).mean().item()
        for a, b in zip(here, there, strict=True)
    ]
    return GradientProfile(
        loss.item(),
        [each.norm().item() for each in by_weight],
        [each.norm().item() for each in here],
        cosines,
    )


def profile_columns(net: ResNet, profiles: Sequence[GradientProfile]) -> dict[str, np.ndarray]:
    """Profiles of one net, or of nets with its layers, as a probe's arrays, a row each: `layer` names [L] and
    `name` of the units [U]; `weight_gradient` [P, L], `activation_gradient` [P, U], `correlation` [P, U]."""
    return {
        "layer": np.array([name for name, _ in nets.layers(net)]),
        "name": np.array([name for name, _ in net.units()]),
        "weight_gradient": np.array([each.weight for each in profiles]),
        "activation_gradient": np.array([each.activation for each in profiles]),
        "correlation": np.array([each.correlation for each in profiles]),
    }


def _pass(net: ResNet, inputs: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The mean cross-entropy, and what each unit put out on the way to it."""
    trace = net.forward_intermediates(inputs)
    loss = F.cross_entropy(trace.logits.float(), labels)
    return loss, [trace.intermediates[name] for name, _ in net.units()]
