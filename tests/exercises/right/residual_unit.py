import torch
from torch import nn


class AsInTheLesson(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def F(self, x):
        return self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))

    def forward(self, x):
        return torch.relu(self.F(x) + x)


class AsASequence(nn.Module):
    """In-place ReLUs inside F, biases, the shortcut kept first, and the addition in place."""

    def __init__(self, planes):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(planes, planes, 3, padding="same"),
            nn.BatchNorm2d(planes),
            nn.ReLU(inplace=True),
            nn.Conv2d(planes, planes, 3, padding="same"),
            nn.BatchNorm2d(planes),
        )
        self.relu = nn.ReLU()

    def forward(self, x):
        identity = x
        out = self.branch(x)
        out += identity
        return self.relu(out)


class RegisteredBackwards(nn.Module):
    """The layers are registered in another order than they are used in, in a ModuleDict; clamp is ReLU."""

    def __init__(self, n):
        super().__init__()
        self.parts = nn.ModuleDict()
        self.parts["b2"] = nn.BatchNorm2d(n)
        self.parts["c2"] = nn.Conv2d(n, n, (3, 3), 1, 1, bias=False)
        self.parts["b1"] = nn.BatchNorm2d(n)
        self.parts["c1"] = nn.Conv2d(n, n, (3, 3), 1, 1, bias=False)

    def forward(self, image):
        hidden = self.parts["b1"](self.parts["c1"](image)).clamp(min=0)
        return torch.maximum(image + self.parts["b2"](self.parts["c2"](hidden)), torch.tensor(0.0))


class WithWeightsOfItsOwn(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(c, c, 3, 3))
        self.w2 = nn.Parameter(torch.randn(c, c, 3, 3))
        self.n1, self.n2 = nn.BatchNorm2d(c), nn.BatchNorm2d(c)

    def forward(self, x):
        y = nn.functional.conv2d(x, self.w1, padding=1)
        y = nn.functional.conv2d(self.n1(y).relu(), self.w2, padding=1)
        return nn.functional.relu(torch.add(x, self.n2(y)))
