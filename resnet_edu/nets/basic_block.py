"""Read this first: the residual block of He 2015 (§3.1, Fig. 2) in plain PyTorch, and its plain twin.

The package builds every net from the general `units.ResidualUnit`. A test holds the two equal, to the bit.
"""

from __future__ import annotations

from torch import Tensor, nn


class PlainBlock(nn.Module):
    """y = ReLU(F(x)), where F is conv, norm, ReLU, conv, norm. x and y: float [N, channels, H, W]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()

    def residual(self, x: Tensor) -> Tensor:
        """F(x), the same shape as x."""
        f: Tensor = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return f

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.relu2(self.residual(x))
        return y


class BasicBlock(PlainBlock):
    """y = ReLU(F(x) + x): the same layers, and the input is added back."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.relu2(self.residual(x) + x)
        return y
