"""Every method of `methods.METHODS`, by Captum, with one call shape: `attribute`.

Captum's traps that are held here: DeepLift and Guided Backprop put their hook on the tensor that a ReLU
is given. Where a shortcut reads that tensor too (a unit that begins with a ReLU), they overwrite the
shortcut's gradient as well and are silently wrong; so each ReLU is given a copy of its own. Products
(gates) and norms over the image have no rule in DeepLift, and are passed in silence: so it is refused.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.methods import METHODS, SMOOTH_NOISE, SMOOTH_SAMPLES, STRIDE, WINDOW
from resnet_edu.nets import ResNet
from resnet_edu.nets.shortcuts import Gate
from resnet_edu.probes.saliency.path import MOST, integrated_gradients, together


@dataclasses.dataclass(frozen=True)
class Question:
    """The net, one image float [1, C, H, W], normalised, and the class whose score is explained."""

    net: nn.Module
    inputs: Tensor
    target: int
    unit: str | None = None
    seed: int = 0
    pieces: int = MOST


def attribute(
    net: nn.Module,
    inputs: Tensor,
    target: int,
    method: str,
    *,
    unit: str | None = None,
    seed: int = 0,
    pieces: int = MOST,
) -> Tensor:
    """The maps float [N, C, H, W] of images float [N, C, H, W], normalised, each asked by itself.

    Grad-CAM's is [N, 1, H, W]. `unit` is the name of a unit (the last one by default), for methods that
    look at one; `pieces` the most that Integrated Gradients may cut its way into. Raises `ValueError` for
    a method that is not known or does not suit the net.
    """
    unit = checked(net, method, unit)
    questions = [Question(net, one[None].detach(), target, unit, seed, pieces) for one in inputs]
    with undisturbed(net):
        maps = [_WAYS[method](question) for question in questions]
    return torch.cat(maps).detach()


def checked(net: nn.Module, method: str, unit: str | None = None) -> str | None:
    """The name of the unit to look at, if the method looks at one; raises `ValueError` as `attribute`."""
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; allowed: {', '.join(METHODS)}")
    if method == "deep_lift" and (name := _without_rule(net)):
        raise ValueError(
            f"deep_lift has no rule for {name}: it would not add up; integrated_gradients does for every net"
        )
    if not METHODS[method].of_unit:
        if unit is not None:
            raise ValueError(f"unit is {unit!r}; {method} looks at no unit: leave it out")
        return None
    names = [name for name, _ in net.units()] if isinstance(net, ResNet) else []
    if not any(isinstance(module, nn.Conv2d) for module in net.modules()):
        raise ValueError(f"{method} needs units with pixels, and a dense net's have none")
    unit = names[-1] if unit is None else unit
    if unit not in names:
        raise ValueError(f"unit is {unit!r}; units: {', '.join(names)}")
    return unit


def _without_rule(net: nn.Module) -> str | None:
    for name, module in net.named_modules():
        if isinstance(module, Gate):
            return f"the product with the gate {name}"
        if isinstance(module, nn.GroupNorm):
            return f"{name}, a norm over the image's own values"
    return None


@contextmanager
def undisturbed(net: nn.Module) -> Iterator[None]:
    """Each ReLU gets a copy of its input meanwhile. Nothing stays on the net, whatever happens."""
    copies = [
        module.register_forward_pre_hook(lambda _, given: (given[0].clone(),))
        for module in net.modules()
        if isinstance(module, nn.ReLU)
    ]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Setting (forward, )?backward hooks", UserWarning)
            yield
    finally:
        for copy in copies:
            copy.remove()
        for module in net.modules():  # DeepLift's notes, where a ReLU was not reached on the way back
            for note in ("input", "output"):
                module.__dict__.pop(note, None)


def _saliency(asked: Question) -> Tensor:
    from captum.attr import Saliency

    return Saliency(asked.net).attribute(asked.inputs.requires_grad_(), target=asked.target)


def _input_x_gradient(asked: Question) -> Tensor:
    from captum.attr import InputXGradient

    return InputXGradient(asked.net).attribute(asked.inputs.requires_grad_(), target=asked.target)


def _smooth_grad(asked: Question) -> Tensor:
    from captum.attr import NoiseTunnel, Saliency

    spread = asked.inputs.max() - asked.inputs.min()
    with torch.random.fork_rng(devices=[]):  # Captum draws from the global generator
        torch.manual_seed(asked.seed)
        gradients = NoiseTunnel(Saliency(asked.net)).attribute(
            asked.inputs,
            nt_samples=SMOOTH_SAMPLES,
            nt_samples_batch_size=together(asked.inputs),
            stdevs=SMOOTH_NOISE * spread.item(),
            target=asked.target,
            abs=False,
        )
    return gradients.abs()


def _integrated_gradients(asked: Question) -> Tensor:
    return integrated_gradients(asked.net, asked.inputs, asked.target, asked.pieces)


def _deep_lift(asked: Question) -> Tensor:
    from captum.attr import DeepLift

    inputs = asked.inputs.requires_grad_()
    return DeepLift(asked.net).attribute(inputs, torch.zeros_like(inputs), target=asked.target)


def _guided_backprop(asked: Question) -> Tensor:
    from captum.attr import GuidedBackprop

    return GuidedBackprop(asked.net).attribute(asked.inputs.requires_grad_(), target=asked.target)


def _grad_cam(asked: Question) -> Tensor:
    from captum.attr import LayerGradCam

    assert asked.unit is not None
    layer = asked.net.get_submodule(asked.unit)
    coarse = LayerGradCam(asked.net, layer).attribute(
        asked.inputs, target=asked.target, relu_attributions=True
    )
    return F.interpolate(coarse, asked.inputs.shape[2:], mode="bilinear")


def _guided_grad_cam(asked: Question) -> Tensor:
    from captum.attr import GuidedGradCam

    assert asked.unit is not None
    layer = asked.net.get_submodule(asked.unit)
    return GuidedGradCam(asked.net, layer).attribute(
        asked.inputs.requires_grad_(), target=asked.target, interpolate_mode="bilinear"
    )


def _occlusion(asked: Question) -> Tensor:
    from captum.attr import Occlusion

    channels, side = asked.inputs.shape[1:3]
    window, stride = max(1, side // WINDOW), max(1, side // STRIDE)
    return (
        Occlusion(asked.net)
        .attribute(
            asked.inputs,
            sliding_window_shapes=(channels, window, window),
            strides=(channels, stride, stride),
            target=asked.target,
            perturbations_per_eval=together(asked.inputs),
        )
        .to(asked.inputs)
    )


_WAYS: Mapping[str, Callable[[Question], Tensor]] = {
    "saliency": _saliency,
    "input_x_gradient": _input_x_gradient,
    "smooth_grad": _smooth_grad,
    "integrated_gradients": _integrated_gradients,
    "deep_lift": _deep_lift,
    "guided_backprop": _guided_backprop,
    "grad_cam": _grad_cam,
    "guided_grad_cam": _guided_grad_cam,
    "occlusion": _occlusion,
}
