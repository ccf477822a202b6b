"""What is trained: plain and residual twins. Open `units.py` first; README.md has the way through."""

from resnet_edu.nets.branches import conv_unit, dense_unit, unit
from resnet_edu.nets.draws import random_modules, seed_draws
from resnet_edu.nets.shortcuts import PadChannels
from resnet_edu.nets.stacks import Stack, Trace, assemble, build, layers
from resnet_edu.nets.units import Add, PreactivatedUnit, ResidualUnit, ScaledAdd

__all__ = [
    "Add",
    "PadChannels",
    "PreactivatedUnit",
    "ResidualUnit",
    "ScaledAdd",
    "Stack",
    "Trace",
    "assemble",
    "build",
    "conv_unit",
    "dense_unit",
    "layers",
    "random_modules",
    "seed_draws",
    "unit",
]
