"""What is trained: plain and residual twins. Open `units.py` first, then `stacks.py`."""

from resnet_edu.nets.stacks import Stack, Trace, assemble, build, layers
from resnet_edu.nets.units import Add, PadChannels, ResidualUnit

__all__ = ["Add", "PadChannels", "ResidualUnit", "Stack", "Trace", "assemble", "build", "layers"]
