"""Initial weights: each tensor has its own random generator.

A tensor's values depend only on the seed and the tensor's name. So twins start with equal values in every
tensor that both have, and an extra projection changes no other tensor.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor, nn

from resnet_edu.nets.shortcuts import Gate
from resnet_edu.nets.units import ResidualUnit

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)
SMALL_STD = 0.01


def initialise(net: nn.Module, seed: int, init: str = "he", prefix: str = "") -> None:
    """Set all parameters and buffers of `net`, which is on the CPU.

    Weights follow `init_weight`; biases are 0, except a gate's; norms have scale 1, shift 0 and fresh
    statistics. For a part of a larger net, `prefix` completes its tensors' names. Raises `TypeError` for a
    module type that has no rule here.
    """
    for name, module in net.named_modules():
        match module:
            case nn.Conv2d() | nn.Linear():
                generator = torch.Generator("cpu").manual_seed(tensor_seed(seed, f"{prefix}{name}.weight"))
                init_weight(module.weight, init, generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.GroupNorm():
                module.reset_parameters()
            case _ if list(module.parameters(recurse=False)) or list(module.buffers(recurse=False)):
                raise TypeError(f"{name} is a {type(module).__name__}; its initial weights are not defined")
    for module in net.modules():
        if isinstance(module, Gate):
            nn.init.constant_(module.layer.get_parameter("bias"), module.bias)


def init_weight(weight: Tensor, init: str, generator: torch.Generator) -> None:
    """Fill a layer's weight in place. Raises `ValueError` for another `init`.

    he            N(0, 2 / fan_in) (He 2015b, arXiv 1502.01852, §2.2)
    xavier        N(0, 2 / (fan_in + fan_out)) (Glorot 2010, eq. 12)
    small-normal  N(0, 0.01²) (Krizhevsky 2012, §5)
    orthogonal    orthonormal rows or columns, times √2 for the ReLU (Saxe 2014, arXiv 1312.6120)
    """
    match init:
        case "he":
            nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
        case "xavier":
            nn.init.xavier_normal_(weight, generator=generator)
        case "small-normal":
            nn.init.normal_(weight, std=SMALL_STD, generator=generator)
        case "orthogonal":
            nn.init.orthogonal_(weight, gain=math.sqrt(2), generator=generator)
        case _:
            raise ValueError(f"init is {init!r}; allowed: he, xavier, small-normal, orthogonal")


def zero_branch(unit: ResidualUnit) -> None:
    """Start at F(x) = 0: zero the scale of the branch's last norm (Goyal 2017 §5.1), or the last layer's
    weight where no norm follows it. A norm before a final ReLU could never leave 0 again."""
    nn.init.zeros_(last_layer(unit.branch).get_parameter("weight"))


def last_layer(part: nn.Module) -> nn.Module:
    """The last module in `part` with parameters."""
    learning = (*NORMS, nn.Conv2d, nn.Linear)
    return [module for module in part.modules() if isinstance(module, learning)][-1]


def tensor_seed(seed: int, name: str) -> int:
    """A 64-bit seed from the experiment's seed and the tensor's name in the state dict."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest(), "big")
