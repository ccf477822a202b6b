"""Several nets of one shape as one: their weights stacked, the step mapped over them by torch.func.vmap."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from resnet_edu.nets import ResNet
from resnet_edu.training.sgd import FusedSGD


class Stacked:
    """A training step of all nets at once; each has its own weights, statistics and batch.

    Running statistics are stacked too, for batch norm changes them in place, which vmap allows only of what
    is stacked. Convolutions become grouped ones, so nothing is the same to the bit.
    """

    def __init__(self, made: Sequence[ResNet], momentum: float = 0.9, weight_decay: float = 1e-4) -> None:
        weights, self.statistics = stack_module_state(list(made))
        self.weights = {name: nn.Parameter(tensor.detach()) for name, tensor in weights.items()}
        self.shape = copy.deepcopy(made[0]).to("meta")
        self.sgd = FusedSGD(self.weights.values(), momentum, weight_decay)

    def step(self, inputs: Tensor, labels: Tensor, lr: Tensor) -> Tensor:
        """Inputs [nets, B, C, H, W], labels [nets, B] → the losses [nets]; then all nets are updated."""
        self.sgd.zero_grad()
        losses = vmap(self._loss)(self.weights, self.statistics, inputs, labels)
        losses.sum().backward()
        self.sgd.step(lr)
        return losses.detach()

    def _loss(self, weights, statistics, inputs: Tensor, labels: Tensor) -> Tensor:
        logits = functional_call(self.shape, (weights, statistics), (inputs,))
        return F.cross_entropy(logits.float(), labels)
