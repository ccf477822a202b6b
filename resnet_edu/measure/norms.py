"""Every layer's gradient, weight and update norm after one step: one fused call, one small tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Momentum(Protocol):
    """What is read of SGD: PyTorch's own, or one like it whose "lr" is a tensor on the device."""

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...
    @property
    def state(self) -> Mapping[Any, Mapping[str, Any]]: ...


def layer_norms(weights: list[nn.Parameter], optimizer: Momentum) -> Tensor:
    """L2 norms, float32 [3, layers]: of the loss gradient (weight decay not in it), of the weights
    after the step, and of what the step changed. To be called right after `optimizer.step()`.

    SGD with momentum moves weights by lr × its buffer, so the update need not be remembered.
    Nothing here waits for the device, so that a CUDA graph can hold it.
    """
    group = optimizer.param_groups[0]
    gradients = [_gradient(weight) for weight in weights]
    moves = [_direction(weight, optimizer, group) for weight in weights]
    # The list form of torch.linalg.vector_norm, the one that clip_grad_norm_ uses: one launch for all.
    norms = torch.stack(torch._foreach_norm([*gradients, *(w.detach() for w in weights), *moves]))
    norms = norms.float().view(3, len(weights))
    norms[2] *= group["lr"]
    return norms


def _gradient(weight: nn.Parameter) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def _direction(weight: nn.Parameter, optimizer: Momentum, group: dict[str, Any]) -> Tensor:
    if weight.grad is None:
        return torch.zeros_like(weight)  # SGD leaves it as it is, decay and all
    if (buffer := optimizer.state[weight].get("momentum_buffer")) is not None:
        return buffer
    return weight.grad + group["weight_decay"] * weight.detach()  # up to the decay's own tiny move
