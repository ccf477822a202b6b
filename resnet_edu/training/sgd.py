"""SGD with momentum in one fused call over all parameters; the learning rate is a tensor on the device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class FusedSGD:
    """Computes what `torch.optim.SGD(…, fused=True)` computes, to the bit, with the same kernel.

    torch.optim.SGD imports torch._dynamo and sympy, which costs each new process seconds, and creates its
    momentum buffers in the first step. Here they exist from the start, at zero (0 · m + g = g), so that every
    step is the same work and a CUDA graph can capture it. `param_groups` and `state` imitate the parts of
    torch.optim.SGD that `measure.layer_norms` reads.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], momentum: float, weight_decay: float) -> None:
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self.param_groups: list[dict[str, Any]] = [
            {"params": self.parameters, "lr": 0.0, "momentum": momentum, "weight_decay": weight_decay}
        ]
        self.state: dict[nn.Parameter, dict[str, Tensor]] = {p: {} for p in self.parameters}
        if momentum:
            for parameter in self.parameters:
                # zeros_like keeps the memory format: the kernel runs through both in memory order.
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    def zero_grad(self) -> None:
        """Set gradients to None, so that the next backward pass writes them instead of adding to zeros."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, lr: Tensor) -> None:
        """Update with `lr`, float32 [1] on the parameters' device; skip parameters without a gradient."""
        group = self.param_groups[0]
        group["lr"] = lr
        used = [(p, p.grad, self.state[p]) for p in self.parameters if p.grad is not None]
        torch._fused_sgd_(
            [parameter for parameter, _, _ in used],
            [gradient for _, gradient, _ in used],
            [state["momentum_buffer"] for _, _, state in used] if group["momentum"] else [],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )
