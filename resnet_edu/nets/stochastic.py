"""Modules that draw random numbers in training: dropout on the shortcut, stochastic depth."""

from __future__ import annotations

import torch
from torch import nn

from resnet_edu.nets.units import StochasticAdd
from resnet_edu.randomness import seed_for


def stochastic_modules(net: nn.Module) -> list[nn.Module]:
    """Modules that draw in training mode; in eval mode they compute the expected value instead."""
    return [module for module in net.modules() if isinstance(module, (nn.Dropout, StochasticAdd))]


def seed_stochastic_modules(net: nn.Module, seed: int, step: int) -> None:
    """Seed this step's draws from the experiment's seed and the step alone, so that resuming repeats them.

    Reseeds PyTorch's global generators, and only if the net has such modules.
    """
    if stochastic_modules(net):
        torch.manual_seed(seed_for(seed, "net", step))
