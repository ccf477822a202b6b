def step_by_step(kernels, strides):
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        side += (kernel - 1) * step
        step *= stride
    return side


def from_the_output(kernels, strides):
    side = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        side = (side - 1) * stride + kernel
    return side


def by_a_sum(kernels, strides):
    import math

    return 1 + sum((kernel - 1) * math.prod(strides[:i]) for i, kernel in enumerate(kernels))


def by_recursion(kernels, strides):
    if not kernels:
        return 1
    return kernels[0] + (by_recursion(kernels[1:], strides[1:]) - 1) * strides[0]
