from torch import nn


class ByHand(nn.Module):
    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x):
        return self.norm(self.conv(x))


def sequence(channels_in, channels_out):
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, 2), nn.BatchNorm2d(channels_out))


class PicksPixelsFirst(nn.Module):
    """A 1×1 convolution of every second pixel is a 1×1 convolution of stride 2."""

    def __init__(self, a, b):
        super().__init__()
        self.norm = nn.BatchNorm2d(b)
        self.mix = nn.Conv2d(a, b, kernel_size=1, bias=False)

    def forward(self, x):
        return self.norm(self.mix(x[:, :, ::2, ::2]))
