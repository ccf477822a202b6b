"""Initial weights: each tensor from a generator of its own.

A tensor's numbers depend on the seed and on its name alone. So twins start from the same weights
wherever both have one, and an extra projection shifts nothing else.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor, nn

from resnet_edu.nets.shortcuts import Gate
from resnet_edu.nets.units import ResidualUnit

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)
SMALL = 0.01


def initialise(net: nn.Module, seed: int, how: str = "he", prefix: str = "") -> None:
    """Weights as `draw` says, biases 0 but for a gate's; norms 1, 0, statistics reset.

    Acts on all parameters and buffers of `net`, which lies on the CPU; `prefix` goes before its tensors'
    names if it is part of a larger net. Raises `TypeError` for a module
    whose start is not defined here.
    """
    for name, module in net.named_modules():
        match module:
            case nn.Conv2d() | nn.Linear():
                generator = torch.Generator("cpu").manual_seed(tensor_seed(seed, f"{prefix}{name}.weight"))
                draw(module.weight, how, generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.GroupNorm():
                module.reset_parameters()
            case _ if list(module.parameters(recurse=False)) or list(module.buffers(recurse=False)):
                raise TypeError(f"{name} is a {type(module).__name__}; its initial weights are not defined")
    for module in net.modules():
        if isinstance(module, Gate):
            nn.init.constant_(module.layer.get_parameter("bias"), module.bias)


def draw(weight: Tensor, how: str, generator: torch.Generator) -> None:
    """Fill a layer's weight.

    he            N(0, 2 / fan_in) (He 2015b, arXiv 1502.01852, §2.2)
    xavier        N(0, 2 / (fan_in + fan_out)) (Glorot 2010, eq. 12)
    small-normal  N(0, 0.01²) (Krizhevsky 2012, §5)
    orthogonal    orthonormal rows or columns, times √2 for the ReLU (Saxe 2014, arXiv 1312.6120)
    """
    match how:
        case "he":
            nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
        case "xavier":
            nn.init.xavier_normal_(weight, generator=generator)
        case "small-normal":
            nn.init.normal_(weight, std=SMALL, generator=generator)
        case "orthogonal":
            nn.init.orthogonal_(weight, gain=math.sqrt(2), generator=generator)
        case _:
            raise ValueError(f"how is {how!r}; allowed: he, xavier, small-normal, orthogonal")


def zero_branch(unit: ResidualUnit) -> None:
    """Start at F(x) = 0: the branch's last norm gets the factor 0 (Goyal 2017 §5.1), or where a layer
    stands last, that layer's weights do; a norm before a ReLU could not leave 0 again."""
    nn.init.zeros_(last_layer(unit.branch).get_parameter("weight"))


def last_layer(part: nn.Module) -> nn.Module:
    """The last module in `part` that learns."""
    learning = (*NORMS, nn.Conv2d, nn.Linear)
    return [module for module in part.modules() if isinstance(module, learning)][-1]


def tensor_seed(seed: int, name: str) -> int:
    """64 bits out of the experiment's seed and the tensor's name in the state dict."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest(), "big")
