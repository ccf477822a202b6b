"""Planted weights: a unit's layers as plain functions, and the same weights put into what a learner built."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.exercises.diagnosis import wrong
from resnet_edu.nets.basic_block import BasicBlock

MOST = 3  # of each kind; two are needed


@dataclass
class Norm:
    """The numbers of a batch normalisation, each [C]."""

    weight: Tensor
    bias: Tensor
    mean: Tensor
    var: Tensor


@dataclass
class Layers:
    """Convolutions and norms with planted weights, as functions.

    kernels   [C_out, C_in, k, k] of each convolution, in the order of use
    norms     in the order of use
    stride    of the first convolution
    training  whether norms use the statistics of the batch
    """

    kernels: list[Tensor]
    norms: list[Norm]
    stride: int = 1
    training: bool = True

    def conv(self, place: int, x: Tensor) -> Tensor:
        kernel = self.kernels[place]
        return F.conv2d(x, kernel, stride=self.stride if place == 0 else 1, padding=kernel.shape[-1] // 2)

    def norm(self, place: int, x: Tensor) -> Tensor:
        n = self.norms[place]
        return F.batch_norm(x, n.mean.clone(), n.var.clone(), n.weight, n.bias, training=self.training)

    def branch(self, x: Tensor) -> Tensor:
        """F(x): conv, norm, ReLU, conv, norm."""
        return self.norm(1, self.conv(1, torch.relu(self.norm(0, self.conv(0, x)))))


def layers(channels_in: int, channels_out: int, *, kernel: int = 3, stride: int = 1, seed: int = 0) -> Layers:
    """`MOST` convolutions and norms, all different. The first one may change channels and size."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    kernels = [
        draw(channels_out, channels_in if place == 0 else channels_out, kernel, kernel)
        for place in range(MOST)
    ]
    norms = [
        Norm(
            1 + 0.3 * draw(channels_out),
            0.5 * draw(channels_out),
            draw(channels_out),
            1 + draw(channels_out) ** 2,
        )
        for _ in range(MOST)
    ]
    return Layers(kernels, norms, stride)


def images(seed: int, *shape: int) -> Tensor:
    """Normal random numbers of this shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def used_unit() -> BasicBlock:
    """A residual unit of 4 channels in the middle of a training: nothing in it is 0 or 1."""
    generator = torch.Generator().manual_seed(5)
    unit = BasicBlock(4)
    with torch.no_grad():
        for tensor in [*unit.parameters(), *unit.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(0.3 + torch.rand(tensor.shape, generator=generator))
    return unit


def plant(module: nn.Module, layers: Layers, x: Tensor) -> None:
    """Put the weights into the module's convolutions and batch norms, in the order in which it uses them.

    Biases of convolutions become 0. Raises `Ended` where a layer has not the size that it should have.
    """
    used = _in_order_of_use(module, x)
    if used and not any(True for _ in module.parameters()):
        raise wrong(
            "PyTorch knows of no weights in it: keep layers as attributes, not in a list or in `forward`."
        )
    convolutions = [each for each in used if isinstance(each, nn.Conv2d)]
    norms = [each for each in used if isinstance(each, nn.BatchNorm2d)]
    owned = {id(each.weight) for each in convolutions}
    kernels = [each.weight for each in convolutions]
    kernels += [weight for weight in module.parameters() if weight.dim() == 4 and id(weight) not in owned]
    if len(kernels) > MOST or len(norms) > MOST:
        raise wrong(f"It has {len(kernels)} convolutions and {len(norms)} norms: those are too many.")
    with torch.no_grad():
        for kernel, planted in zip(kernels, layers.kernels, strict=False):
            _check_shape(kernel, planted)
            kernel.copy_(planted)
        for each in convolutions:
            if each.bias is not None:
                each.bias.zero_()
        for norm, numbers in zip(norms, layers.norms, strict=False):
            _plant_norm(norm, numbers)


def _plant_norm(norm: nn.BatchNorm2d, numbers: Norm) -> None:
    for name, value in (("weight", numbers.weight), ("bias", numbers.bias)):
        if (tensor := getattr(norm, name)) is not None:
            tensor.copy_(value)
    if norm.running_mean is not None and norm.running_var is not None:
        norm.running_mean.copy_(numbers.mean)
        norm.running_var.copy_(numbers.var)


def _check_shape(kernel: Tensor, planted: Tensor) -> None:
    if kernel.shape != planted.shape:
        (out, into, high, wide), (c_out, c_in, k, _) = kernel.shape, planted.shape
        raise wrong(
            f"A convolution has kernels of {high}×{wide}, from {into} to {out} channels; {k}×{k} is wanted, "
            f"from {c_in} to {c_out}."
        )


def _in_order_of_use(module: nn.Module, x: Tensor) -> list[nn.Module]:
    """The layers that the module calls, each once, also those that it has not registered."""
    used: dict[int, nn.Module] = {}

    def note(layer: nn.Module, *_: object) -> None:
        used.setdefault(id(layer), layer)

    handle = nn.modules.module.register_module_forward_pre_hook(note)
    was_training = module.training
    try:
        with torch.no_grad():
            module.eval()(x.clone())
    finally:
        handle.remove()
        module.train(was_training)
    return [each for each in used.values() if isinstance(each, nn.Conv2d | nn.BatchNorm2d)]
