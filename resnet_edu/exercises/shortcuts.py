"""Exercises of lesson 2 on shortcuts: where sizes change, and where nothing is to change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.exercises.calling import is_stub, not_attempted
from resnet_edu.exercises.diagnosis import Diagnosis, wrong
from resnet_edu.exercises.exercise import Answer, Cases, Exercise
from resnet_edu.exercises.planted import Layers, images, layers, used_unit
from resnet_edu.exercises.units import Formula, asked, computed
from resnet_edu.nets.basic_block import BasicBlock

IN, OUT = 3, 5


def option_a(function: Callable[..., Any]) -> Diagnosis:
    """`function(x, channels)`: shortcut A where the size changes (He 2015 §3.3). x is float [N, C, H, W].
    The result [N, channels, ⌈H / 2⌉, ⌈W / 2⌉] has every second pixel, and zeros in its last channels."""
    return OPTION_A.check(function)


def option_b(shortcut: Callable[[int, int], nn.Module]) -> Diagnosis:
    """`shortcut(channels_in, channels_out)`: shortcut B, a module that halves the picture and changes the
    channels by a 1×1 convolution of stride 2 and a batch norm (He 2015 §3.3)."""
    return OPTION_B.check(shortcut)


def silence(function: Callable[[nn.Module], Any]) -> Diagnosis:
    """`function(unit)`: change the weights of a residual unit (`conv1`, `norm1`, `conv2`, `norm2`) so that it
    hands on every x ≥ 0 unchanged, in training mode too, and can still learn."""
    return SILENCE.check(function)


def _pixels(x: Tensor, channels: int) -> Tensor:
    return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, channels - x.shape[1]))


def _in_front(x: Tensor, channels: int) -> Tensor:
    return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, channels - x.shape[1], 0))


def _both_sides(x: Tensor, channels: int) -> Tensor:
    extra = channels - x.shape[1]
    return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, extra // 2, extra - extra // 2))


def _repeated(x: Tensor, channels: int) -> Tensor:
    return x[:, :, ::2, ::2].repeat(1, -(-channels // x.shape[1]), 1, 1)[:, :channels]


def _border(x: Tensor, channels: int) -> Tensor:
    return F.pad(x[:, :, ::2, ::2], (0, channels - x.shape[1]))


OPTION_A = Exercise(
    cases=lambda: {
        "8×8 pixels, 2 → 4 channels": (images(0, 3, 2, 8, 8), 4),
        "8×6 pixels, 3 → 5 channels": (images(1, 2, 3, 8, 6), 5),
        "7×5 pixels, 1 → 4 channels": (images(2, 2, 1, 7, 5), 4),
    },
    right=_pixels,
    mistakes={
        "The zeros are in front. The old channels keep their numbers, and new ones follow.": _in_front,
        "The zeros are on both sides. Here all new channels follow the old ones.": _both_sides,
        "The picture keeps its size: take every second pixel, too.": (
            lambda x, channels: F.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1]))
        ),
        "The channels are still those of x: zeros are to fill up the new ones.": lambda x, channels: x[
            :, :, ::2, ::2
        ],
        "You average pixels. Option A picks every second one.": (
            lambda x, channels: _pixels(
                F.avg_pool2d(x, 2, ceil_mode=True).repeat_interleave(2, 2).repeat_interleave(2, 3), channels
            )
        ),
        "You take the largest of four pixels. Option A picks every second one.": (
            lambda x, channels: _pixels(
                F.max_pool2d(x, 2, ceil_mode=True).repeat_interleave(2, 2).repeat_interleave(2, 3), channels
            )
        ),
        "You begin with the second pixel. A convolution of stride 2 begins with the first.": (
            lambda x, channels: _pixels(x[:, :, 1:, 1:], channels)
        ),
        "You cut a corner out of the picture. Take every second pixel of all of it.": (
            lambda x, channels: F.pad(
                x[:, :, : -(-x.shape[2] // 2), : -(-x.shape[3] // 2)], (0, 0, 0, 0, 0, channels - x.shape[1])
            )
        ),
        "You skip rows only: columns too.": (
            lambda x, channels: F.pad(x[:, :, ::2], (0, 0, 0, 0, 0, channels - x.shape[1]))
        ),
        "You skip channels. The first two dimensions are image and channel; pixels are the last two.": (
            lambda x, channels: F.pad(x[:, ::2], (0, 0, 0, 0, 0, channels - x[:, ::2].shape[1]))
        ),
        "The new channels repeat the old ones. In option A they are zero.": _repeated,
        "The zeros are pixels at the border: `F.pad` counts from the *last* dimension.": _border,
    },
    praise="No parameters, no multiplications: that is why the paper's twins have the same size.",
)


def _option_b_cases() -> Cases:
    return {
        "3 → 5 channels, 8×6 pixels": (
            layers(IN, OUT, kernel=1, stride=2, seed=3),
            images(3, 4, IN, 8, 6),
            images(4, 4, OUT, 4, 3),
        )
    }


def _without_stride(f: Layers, x: Tensor) -> Tensor:
    return f.norm(0, F.conv2d(x, f.kernels[0]))


OPTION_B_MISTAKES: dict[str, Formula] = {
    "The stride is missing: the branch halves the picture, so the shortcut has to.": _without_stride,
    "The norm is missing: the branch ends in one, and so does the projection.": lambda f, x: f.conv(0, x),
    "A ReLU follows. The shortcut hands on negative numbers, too.": lambda f, x: torch.relu(
        f.norm(0, f.conv(0, x))
    ),
    "You average four pixels first (that is ResNet-D). Here the convolution itself has stride 2.": (
        lambda f, x: f.norm(0, F.conv2d(F.avg_pool2d(x, 2), f.kernels[0]))
    ),
    "You take the largest of four pixels first. Here the convolution itself has stride 2.": (
        lambda f, x: f.norm(0, F.conv2d(F.max_pool2d(x, 2), f.kernels[0]))
    ),
    "There is a second 1×1 convolution: one is enough to change the channels.": (
        lambda f, x: f.norm(0, f.conv(1, f.conv(0, x)))
    ),
    "x was detached: no gradient passes this shortcut.": lambda f, x: f.norm(0, f.conv(0, x.detach())),
}

OPTION_B = Exercise(
    cases=_option_b_cases,
    right=computed(lambda f, x: f.norm(0, f.conv(0, x))),
    mistakes={message: computed(formula) for message, formula in OPTION_B_MISTAKES.items()},
    praise="It has weights, so the twins no longer differ by the addition alone: the default is option A.",
    errors={r"expected input.*channels": "a convolution expects another number of channels than it gets"},
    ask=lambda shortcut: asked(shortcut, (IN, OUT)),
)


def _behaviour(unit: nn.Module, x: Tensor) -> dict[str, Any]:
    """Output − x in eval and in training mode, and whether a weight (not only a bias) gets a gradient."""
    y = unit.eval()(x)
    y_train = unit.train()(x)
    learns = False
    if y_train.requires_grad:
        (y_train * images(6, *y_train.shape)).sum().backward()
        weights = [weight for name, weight in unit.named_parameters() if name.endswith("weight")]
        learns = any(weight.grad is not None and bool(weight.grad.abs().max() > 1e-6) for weight in weights)
    return {
        "output − x in eval mode": y - x,
        "output − x in training mode": y_train - x,
        "it can learn": learns,
    }


def _ask_silence(function: Callable[[nn.Module], Any]) -> Answer:
    def answer(unit: nn.Module, x: Tensor) -> dict[str, Any]:
        begun = copy.deepcopy(unit.state_dict())
        given = function(unit)
        if given is ... or (given is None and is_stub(function)):
            raise not_attempted()
        silent = given if isinstance(given, nn.Module) else unit
        if all(torch.equal(value, begun.get(name, value)) for name, value in silent.state_dict().items()):
            raise wrong(
                "The unit still has all its old weights: `with torch.no_grad():`, and change them in place."
            )
        return _behaviour(silent, x)

    return answer


def _zeroed(*names: str) -> Answer:
    """A unit in which these parameters are 0."""

    def answer(unit: nn.Module, x: Tensor) -> dict[str, Any]:
        with torch.no_grad():
            for name, parameter in unit.named_parameters():
                if name in names or name.split(".")[0] in names:
                    parameter.zero_()
        return _behaviour(unit, x)

    return answer


def _copier(unit: BasicBlock, x: Tensor) -> dict[str, Any]:
    with torch.no_grad():
        for conv, norm in ((unit.conv1, unit.norm1), (unit.conv2, unit.norm2)):
            nn.init.dirac_(conv.weight)
            norm.reset_parameters()  # weight 1, bias 0, mean 0, variance 1
    return _behaviour(unit, x)


SILENCE = Exercise(
    cases=lambda: {
        "an x ≥ 0": (used_unit(), torch.rand(6, 4, 5, 5, generator=torch.Generator().manual_seed(7)))
    },
    right=_zeroed("norm2"),
    mistakes={
        "The unit hands on x, but it is dead: with *all* weights 0, no weight gets a gradient. Find the "
        "fewest numbers that must be 0.": _zeroed("conv1", "norm1", "conv2", "norm2"),
        "The last norm's bias is still there, and is added to every pixel.": _zeroed("norm2.weight"),
        "Only the last norm's bias is 0: its weight still lets F through.": _zeroed("norm2.bias"),
        "You silenced the first norm. What F gives is decided by its last layers.": _zeroed("norm1"),
        "The first convolution is 0, but norms and biases behind it make numbers out of nothing.": _zeroed(
            "conv1"
        ),
        "The last convolution is 0, but the norm behind it still adds its bias.": _zeroed("conv2"),
        "In training mode it copies, but in eval mode the last norm still subtracts its running mean: "
        "silence the norm, not the convolution before it.": _zeroed("conv2", "norm2.bias"),
        "You built a copier, as in a plain net. With a shortcut, x then arrives twice.": _copier,
    },
    praise="F = 0, and its last norm still gets a gradient: the unit can learn what to add.",
    errors={r"a leaf Variable|leaf variable": "weights want `with torch.no_grad():` around the change"},
    ask=_ask_silence,
)
