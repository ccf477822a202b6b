"""Plain and residual nets. Read `basic_block.py` first, then `units.py`; README.md lists the other files."""

from resnet_edu.nets.branches import conv_unit, dense_unit, unit
from resnet_edu.nets.resnet import ForwardResult, ResNet, assemble, build, layers
from resnet_edu.nets.shortcuts import PadChannels
from resnet_edu.nets.stochastic import seed_stochastic_modules, stochastic_modules
from resnet_edu.nets.units import Add, PreactivatedUnit, ResidualUnit, ScaledAdd

__all__ = [
    "Add",
    "ForwardResult",
    "PadChannels",
    "PreactivatedUnit",
    "ResNet",
    "ResidualUnit",
    "ScaledAdd",
    "assemble",
    "build",
    "conv_unit",
    "dense_unit",
    "layers",
    "seed_stochastic_modules",
    "stochastic_modules",
    "unit",
]
