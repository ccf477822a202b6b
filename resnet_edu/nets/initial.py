"""Initial weights: He normal, each tensor from a generator of its own.

A tensor's numbers depend on the seed and on its name alone. So twins start from the same weights
wherever both have one, and an extra projection shifts nothing else.
"""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def initialise(net: nn.Module, seed: int) -> None:
    """Weights ~ N(0, 2 / fan_in) (He 2015b, arXiv 1502.01852, §2.2), biases 0; norms 1, 0, statistics reset.

    Acts on all parameters and buffers of `net`, which lies on the CPU. Raises `TypeError` for a module
    whose start is not defined here.
    """
    for name, module in net.named_modules():
        match module:
            case nn.Conv2d() | nn.Linear():
                generator = torch.Generator("cpu").manual_seed(tensor_seed(seed, f"{name}.weight"))
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                module.reset_parameters()
            case _ if list(module.parameters(recurse=False)) or list(module.buffers(recurse=False)):
                raise TypeError(f"{name} is a {type(module).__name__}; its initial weights are not defined")


def tensor_seed(seed: int, name: str) -> int:
    """64 bits out of the experiment's seed and the tensor's name in the state dict."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest(), "big")
