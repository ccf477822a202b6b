"""Nets that draw random numbers as they train: dropout on the shortcut, stochastic depth."""

from __future__ import annotations

import torch
from torch import nn

from resnet_edu.nets.units import StochasticAdd
from resnet_edu.randomness import seed_for


def random_modules(net: nn.Module) -> list[nn.Module]:
    """Those that draw in training mode; in eval mode they compute what is expected of the draw."""
    return [module for module in net.modules() if isinstance(module, (nn.Dropout, StochasticAdd))]


def seed_draws(net: nn.Module, seed: int, step: int) -> None:
    """Make this step's draws follow from the experiment's seed and the step alone.

    Sets PyTorch's global generators, and those only if the net draws at all.
    """
    if random_modules(net):
        torch.manual_seed(seed_for(seed, "net", step))
