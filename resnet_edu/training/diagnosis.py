"""Why a training broke: step, layer and cause."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from resnet_edu.nets import ResNet


@dataclass(frozen=True)
class Divergence:
    """Where the loss became unusable.

    step   the first step with an unusable loss, from 0
    layer  module name of the first layer with an infinite or NaN value, or "logits"
    cause  what happened there, as a sentence
    """

    step: int
    layer: str
    cause: str

    def __str__(self) -> str:
        return f"diverged at step {self.step}, layer {self.layer}: {self.cause}"


def loss_limit(classes: int) -> float:
    """The largest usable loss, in nats: 1000 · ln(classes), a thousand times that of even guessing."""
    return 1000 * math.log(max(2, classes))


def diagnose(net: ResNet, inputs: Tensor, step: int, loss: float) -> Divergence:
    """Find the cause of an unusable `loss` at `step` with these `inputs`, float [B, C, H, W].

    Call it between forward and backward: `.grad` then still holds the previous step's gradients, which shows
    whether they caused it.
    """
    for name, weight in net.named_parameters():
        if not bool(weight.isfinite().all()):
            layer = name.rpartition(".")[0]
            if weight.grad is not None and not bool(weight.grad.isfinite().all()):
                return Divergence(step, layer, f"its gradient was {_kind(weight.grad)} at step {step - 1}")
            return Divergence(step, layer, f"the update of step {step - 1} made its weights {_kind(weight)}")
    with torch.no_grad():
        trace = net.forward_intermediates(inputs)
    for name, output in {**trace.intermediates, "logits": trace.logits}.items():
        if not bool(output.isfinite().all()):
            return Divergence(
                step, name, f"its output overflowed to {_kind(output)}; all weights were finite"
            )
    return Divergence(step, "logits", f"the loss grew to {loss:.3g}, all values finite")


def _kind(tensor: Tensor) -> str:
    return "NaN" if bool(tensor.isnan().any()) else "infinite"
