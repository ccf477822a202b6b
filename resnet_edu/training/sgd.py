"""SGD with momentum in one fused call over all parameters, its learning rate a tensor on the device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Sgd:
    """What `torch.optim.SGD(…, fused=True)` computes, to the bit, by the same kernel.

    Building that one imports torch._dynamo and sympy, which costs each new process seconds, and its
    momentum buffers come into being at the first step. Here they are there from the start, at zero
    (0 · m + g is g), so that every step is the same work and can be captured in a CUDA graph.
    `param_groups` and `state` are as far like PyTorch's as `measure.layer_norms` reads them.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], momentum: float, weight_decay: float) -> None:
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self.param_groups: list[dict[str, Any]] = [
            {"params": self.parameters, "lr": 0.0, "momentum": momentum, "weight_decay": weight_decay}
        ]
        self.state: dict[nn.Parameter, dict[str, Tensor]] = {p: {} for p in self.parameters}
        if momentum:
            for parameter in self.parameters:
                # zeros_like keeps the memory format: the kernel goes through both in memory order.
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    def zero_grad(self) -> None:
        """None is better than zeros: the next backward pass writes gradients instead of adding to them."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, lr: Tensor) -> None:
        """`lr` float32 [1], on the parameters' device. Parameters without a gradient stay as they are."""
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
