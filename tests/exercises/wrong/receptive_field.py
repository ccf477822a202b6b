import math


def whole_kernels(kernels, strides):
    """You add whole kernels. Two"""
    return sum(kernels)


def from_zero(kernels, strides):
    """You begin at 0"""
    side, step = 0, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        side += (kernel - 1) * step
        step *= stride
    return side


def no_strides(kernels, strides):
    """You left out the strides"""
    return 1 + sum(kernel - 1 for kernel in kernels)


def own_stride(kernels, strides):
    """not its own"""
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        step *= stride
        side += (kernel - 1) * step
    return side


def strides_not_multiplied(kernels, strides):
    """Strides multiply"""
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        side += (kernel - 1) * step
        step = stride
    return side


def multiplied(kernels, strides):
    """You multiply the kernels"""
    return math.prod(kernels)


def endless(kernels, strides):
    """has not ended after"""
    side = 1
    while kernels:
        side += kernels[0] - 1
    return side


def too_deep(kernels, strides):
    """calls itself without end"""
    return too_deep(kernels, strides) + 2


def index_too_large(kernels, strides):
    """`side += (kernels[i + 1] - 1) * strides[i]`"""
    side = 1
    for i in range(len(kernels)):
        side += (kernels[i + 1] - 1) * strides[i]
    return side


def exits(kernels, strides):
    """It ends the whole program"""
    raise SystemExit


def prints(kernels, strides):
    """returns nothing"""
    side = 1 + sum(kernel - 1 for kernel in kernels)
    print(side)


def as_text(kernels, strides):
    """the answer is a word; a number is wanted"""
    return str(by_chance(kernels))


def by_chance(kernels, *_):
    """too large"""
    return 1000
