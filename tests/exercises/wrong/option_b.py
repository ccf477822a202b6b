from torch import nn


def no_stride(a, b):
    """The stride is missing"""
    return nn.Sequential(nn.Conv2d(a, b, 1), nn.BatchNorm2d(b))


def no_norm(a, b):
    """The norm is missing"""
    return nn.Conv2d(a, b, 1, stride=2)


def with_relu(a, b):
    """A ReLU follows"""
    return nn.Sequential(nn.Conv2d(a, b, 1, stride=2), nn.BatchNorm2d(b), nn.ReLU())


def averaged(a, b):
    """that is ResNet-D"""
    return nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(a, b, 1), nn.BatchNorm2d(b))


def wide_kernel(a, b):
    """1×1 is wanted"""
    return nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b))


def swapped(a, b):
    """another number of channels than it gets"""
    return nn.Sequential(nn.Conv2d(b, a, 1, stride=2), nn.BatchNorm2d(a))


def two(a, b):
    """a second 1×1 convolution"""
    return nn.Sequential(nn.Conv2d(a, b, 1, stride=2), nn.Conv2d(b, b, 1), nn.BatchNorm2d(b))


def called(a, b):
    """It makes no `nn.Module`"""
    return lambda x: x[:, :, ::2, ::2]
