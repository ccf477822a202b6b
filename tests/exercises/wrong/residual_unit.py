"""A class for each mistake; its docstring has words of the diagnosis that it gets."""

import torch
from torch import nn, relu


class Unit(nn.Module):
    def __init__(self, channels, padding=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=padding, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=padding, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def F(self, x):
        return self.norm2(self.conv2(relu(self.norm1(self.conv1(x)))))


class ReluFirst(Unit):
    """ReLU comes before the addition"""

    def forward(self, x):
        return x + relu(self.F(x))


class NoShortcut(Unit):
    """The input is not added"""

    def forward(self, x):
        return relu(self.F(x))


class NoLastRelu(Unit):
    """The ReLU after the addition is missing"""

    def forward(self, x):
        return self.F(x) + x


class ReluTwice(Unit):
    """one ReLU too many"""

    def forward(self, x):
        return relu(relu(self.F(x)) + x)


class NormOfTheSum(Unit):
    """The second norm comes after the addition"""

    def forward(self, x):
        out = self.conv2(relu(self.norm1(self.conv1(x))))
        return relu(self.norm2(out + x))


class Minus(Unit):
    """You subtract. F is what x lacks"""

    def forward(self, x):
        return relu(x - self.F(x))


class MinusX(Unit):
    """You subtract x"""

    def forward(self, x):
        return relu(self.F(x) - x)


class Times(Unit):
    """You multiply by x"""

    def forward(self, x):
        return relu(self.F(x) * x)


class SideBySide(Unit):
    """as channels (that is a DenseNet)"""

    def forward(self, x):
        return relu(torch.cat([self.F(x), x], 1))


class Mean(Unit):
    """You take the mean of x and F(x)"""

    def forward(self, x):
        return relu(0.5 * (self.F(x) + x))


class CutShortcut(Unit):
    """The shortcut hands on ReLU(x)"""

    def forward(self, x):
        return relu(self.F(x) + relu(x))


class DetachedShortcut(Unit):
    """no gradient passes the shortcut"""

    def forward(self, x):
        identity = x.data
        return relu(self.F(x) + identity)


class DetachedBranch(Unit):
    """no gradient passes F"""

    def forward(self, x):
        with torch.no_grad():
            out = self.F(x)
        return relu(out + x)


class AddedInTheMiddle(Unit):
    """x is added in the middle of F"""

    def forward(self, x):
        x = relu(self.norm1(self.conv1(x)) + x)
        return relu(self.norm2(self.conv2(x)))


class ShortcutTooLate(Unit):
    """input of the second convolution"""

    def forward(self, x):
        x = relu(self.norm1(self.conv1(x)))
        return relu(self.norm2(self.conv2(x)) + x)


class Preactivated(Unit):
    """pre-activation unit of He 2016"""

    def forward(self, x):
        out = self.conv1(relu(self.norm1(x)))
        return x + self.conv2(relu(self.norm2(out)))


class AddedTwice(Unit):
    """x is added twice"""

    def forward(self, x):
        return relu(self.F(x) + x + x)


class NoReluInside(Unit):
    """no ReLU between the two convolutions"""

    def forward(self, x):
        return relu(self.norm2(self.conv2(self.norm1(self.conv1(x)))) + x)


class ReluBeforeNorm(Unit):
    """The ReLU inside F comes before the norm"""

    def forward(self, x):
        return relu(self.norm2(self.conv2(self.norm1(relu(self.conv1(x))))) + x)


class SameConvolution(Unit):
    """The same convolution is used twice"""

    def forward(self, x):
        return relu(self.norm2(self.conv1(relu(self.norm1(self.conv1(x))))) + x)


class SameNorm(Unit):
    """The same norm is used twice"""

    def forward(self, x):
        return relu(self.norm1(self.conv2(relu(self.norm1(self.conv1(x))))) + x)


class NoSecondNorm(Unit):
    """The norm after the second convolution is missing"""

    def forward(self, x):
        return relu(self.conv2(relu(self.norm1(self.conv1(x)))) + x)


class NoFirstNorm(Unit):
    """The norm after the first convolution is missing"""

    def forward(self, x):
        return relu(self.norm2(self.conv2(relu(self.conv1(x)))) + x)


class NoNorms(Unit):
    """There are no norms"""

    def forward(self, x):
        return relu(self.conv2(relu(self.conv1(x))) + x)


class OneConvolution(Unit):
    """F has one convolution"""

    def forward(self, x):
        return relu(self.norm1(self.conv1(x)) + x)


class NormsFirst(Unit):
    """The norms come before the convolutions"""

    def forward(self, x):
        return relu(self.conv2(self.norm2(relu(self.conv1(self.norm1(x))))) + x)


class NoPadding(Unit):
    """do the 3×3 convolutions keep the border"""

    def __init__(self, channels):
        super().__init__(channels, padding=0)

    def forward(self, x):
        return relu(self.F(x) + x)


class ChangesX(Unit):
    """It cuts x itself"""

    def forward(self, x):
        return relu(self.F(x.relu_()) + x)


class SmallKernels(nn.Module):
    """kernels of 1×1"""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1)
        self.norm1 = nn.BatchNorm2d(channels)

    def forward(self, x):
        return relu(self.norm1(self.conv1(x)) + x)


class ListOfLayers(nn.Module):
    """PyTorch knows of no weights in it"""

    def __init__(self, channels):
        super().__init__()
        self.layers = [nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)]

    def forward(self, x):
        out = x
        for layer in self.layers:
            out = layer(out)
        return relu(out + x)


class NoSuper(nn.Module):
    """call `super().__init__()` first"""

    def __init__(self, channels):
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)


class NoReturn(Unit):
    """`forward` returns nothing"""

    def forward(self, x):
        self.y = relu(self.F(x) + x)


class Misspelled(Unit):
    """`return relu(self.G(x) + x)`"""

    def forward(self, x):
        return relu(self.G(x) + x)


class GivesTwo(Unit):
    """`forward` gives a tuple"""

    def forward(self, x):
        return relu(self.F(x) + x), x


class NormWithoutAverages(Unit):
    """planted weights: output in eval mode:"""

    def __init__(self, channels):
        super().__init__(channels)
        self.norm1 = nn.BatchNorm2d(channels, track_running_stats=False)

    def forward(self, x):
        return relu(self.F(x) + x)


class AddedInPlace(Unit):
    """write `y = x + …` for `x += …`"""

    def forward(self, x):
        x += self.F(x.clone())
        return relu(x)
