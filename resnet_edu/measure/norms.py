"""Every layer's gradient, weight and update norm after one step: one fused call, one small tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Momentum(Protocol):
    """The parts of `torch.optim.SGD` that `layer_norms` reads; "lr" may be a tensor on the device."""

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...
    @property
    def state(self) -> Mapping[Any, Mapping[str, Any]]: ...


def layer_norms(weights: list[nn.Parameter], optimizer: Momentum) -> Tensor:
    """L2 norms, float32 [3, layers]: of the loss gradient (without weight decay), of the weights after the
    step, and of the update. Call it right after `optimizer.step()`.

    SGD with momentum moves weights by lr × its buffer, so the update need not be stored. Nothing here
    synchronises with the device, so a CUDA graph can capture it.
    """
    group = optimizer.param_groups[0]
    gradients = [_gradient(weight) for weight in weights]
    moves = [_direction(weight, optimizer, group) for weight in weights]
    # The list form of torch.linalg.vector_norm, as in clip_grad_norm_: one kernel launch for all layers.
    norms = torch.stack(torch._foreach_norm([*gradients, *(w.detach() for w in weights), *moves]))
    norms = norms.float().view(3, len(weights))
    norms[2] *= group["lr"]
    return norms


def _gradient(weight: nn.Parameter) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def _direction(weight: nn.Parameter, optimizer: Momentum, group: dict[str, Any]) -> Tensor:
    if weight.grad is None:
        return torch.zeros_like(weight)  # SGD skips it, weight decay included
    buffer: Tensor | None = optimizer.state[weight].get("momentum_buffer")
    if buffer is not None:
        return buffer
    decay: float = group["weight_decay"]
    return weight.grad + decay * weight.detach()  # up to the decay's own tiny move
