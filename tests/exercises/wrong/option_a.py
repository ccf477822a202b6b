import torch
import torch.nn.functional as F


def in_front(x, channels):
    """The zeros are in front"""
    return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, channels - x.shape[1], 0))


def both_sides(x, channels):
    """The zeros are on both sides"""
    extra = channels - x.shape[1]
    return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, extra // 2, extra - extra // 2))


def no_stride(x, channels):
    """The picture keeps its size"""
    return F.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1]))


def no_channels(x, channels):
    """The channels are still those of x"""
    return x[:, :, ::2, ::2]


def averaged(x, channels):
    """You average pixels"""
    return F.pad(F.avg_pool2d(x, 2, ceil_mode=True), (0, 0, 0, 0, 0, channels - x.shape[1]))


def largest(x, channels):
    """You take the largest of four"""
    return F.pad(F.max_pool2d(x, 2, ceil_mode=True), (0, 0, 0, 0, 0, channels - x.shape[1]))


def second_pixels(x, channels):
    """You begin with the second pixel"""
    return F.pad(x[:, :, 1::2, 1::2], (0, 0, 0, 0, 0, channels - x.shape[1]))


def corner(x, channels):
    """You cut a corner"""
    half = x[:, :, : (x.shape[2] + 1) // 2, : (x.shape[3] + 1) // 2]
    return F.pad(half, (0, 0, 0, 0, 0, channels - x.shape[1]))


def rows_only(x, channels):
    """You skip rows only"""
    return F.pad(x[:, :, ::2], (0, 0, 0, 0, 0, channels - x.shape[1]))


def repeated(x, channels):
    """The new channels repeat"""
    small = x[:, :, ::2, ::2]
    return torch.cat([small] * channels, dim=1)[:, :channels]


def border(x, channels):
    """The zeros are pixels at the border"""
    return F.pad(x[:, :, ::2, ::2], (0, channels - x.shape[1]))


def in_place(x, channels):
    """changes its argument in place"""
    x[:, :, 1::2] = 0
    return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, channels - x.shape[1]))


def too_large(x, channels):
    """more memory than this exercise needs"""
    return torch.ones(x.shape[0], 10**6, 10**6, channels)
