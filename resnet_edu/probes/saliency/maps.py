"""Every method of `methods.METHODS`, by Captum, with one call shape: `attribute`.

Two traps of Captum: DeepLift and Guided Backprop hook the input tensor of each ReLU. Where a shortcut reads
that tensor too (a unit that begins with a ReLU), they overwrite the shortcut's gradient as well and are
silently wrong; so each ReLU gets a copy. And DeepLift has no rule for products (gates) and norms over the
image, and ignores them silently: so `checked` refuses these nets.
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
class MapRequest:
    """The arguments of one map: see `attribute`. `inputs` is one image, normalised, float [1, C, H, W]."""

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
    """Saliency maps, float [N, C, H, W] (Grad-CAM's [N, 1, H, W]), computed image by image.

    - `net`: in eval mode.
    - `inputs`: normalised images, float [N, C, H, W].
    - `target`: the class whose score is explained.
    - `method`: a name in `methods.METHODS`.
    - `unit`: for methods of a unit, its name; by default the last one.
    - `seed`: for methods that draw random numbers.
    - `pieces`: of the path of Integrated Gradients, at most.

    Raises `ValueError` for a method that is unknown or does not suit the net.
    """
    unit = checked(net, method, unit)
    requests = [MapRequest(net, one[None].detach(), target, unit, seed, pieces) for one in inputs]
    with undisturbed(net):
        maps = [_METHODS[method](request) for request in requests]
    return torch.cat(maps).detach()


def checked(net: nn.Module, method: str, unit: str | None = None) -> str | None:
    """The unit that the method explains, or None; raises `ValueError` as `attribute` does."""
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
    """Give each ReLU a copy of its input; on exit, remove all hooks and attributes, also after errors."""
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
        for module in net.modules():  # DeepLift leaves attributes on ReLUs that no gradient reached
            for note in ("input", "output"):
                module.__dict__.pop(note, None)


def _saliency(request: MapRequest) -> Tensor:
    from captum.attr import Saliency

    maps: Tensor = Saliency(request.net).attribute(request.inputs.requires_grad_(), target=request.target)
    return maps


def _input_x_gradient(request: MapRequest) -> Tensor:
    from captum.attr import InputXGradient

    maps: Tensor = InputXGradient(request.net).attribute(
        request.inputs.requires_grad_(), target=request.target
    )
    return maps


def _smooth_grad(request: MapRequest) -> Tensor:
    from captum.attr import NoiseTunnel, Saliency

    spread = request.inputs.max() - request.inputs.min()
    with torch.random.fork_rng(devices=[]):  # Captum draws from the global generator
        torch.manual_seed(request.seed)
        gradients: Tensor = NoiseTunnel(Saliency(request.net)).attribute(
            request.inputs,
            nt_samples=SMOOTH_SAMPLES,
            nt_samples_batch_size=together(request.inputs),
            stdevs=SMOOTH_NOISE * spread.item(),
            target=request.target,
            abs=False,
        )
    return gradients.abs()


def _integrated_gradients(request: MapRequest) -> Tensor:
    return integrated_gradients(request.net, request.inputs, request.target, request.pieces)


def _deep_lift(request: MapRequest) -> Tensor:
    from captum.attr import DeepLift

    inputs = request.inputs.requires_grad_()
    maps: Tensor = DeepLift(request.net).attribute(inputs, torch.zeros_like(inputs), target=request.target)
    return maps


def _guided_backprop(request: MapRequest) -> Tensor:
    from captum.attr import GuidedBackprop

    maps: Tensor = GuidedBackprop(request.net).attribute(
        request.inputs.requires_grad_(), target=request.target
    )
    return maps


def _grad_cam(request: MapRequest) -> Tensor:
    from captum.attr import LayerGradCam

    assert request.unit is not None
    layer = request.net.get_submodule(request.unit)
    coarse = LayerGradCam(request.net, layer).attribute(
        request.inputs, target=request.target, relu_attributions=True
    )
    return F.interpolate(coarse, request.inputs.shape[2:], mode="bilinear")


def _guided_grad_cam(request: MapRequest) -> Tensor:
    from captum.attr import GuidedGradCam

    assert request.unit is not None
    layer = request.net.get_submodule(request.unit)
    maps: Tensor = GuidedGradCam(request.net, layer).attribute(
        request.inputs.requires_grad_(), target=request.target, interpolate_mode="bilinear"
    )
    return maps


def _occlusion(request: MapRequest) -> Tensor:
    from captum.attr import Occlusion

    channels, side = request.inputs.shape[1:3]
    window, stride = max(1, side // WINDOW), max(1, side // STRIDE)
    maps: Tensor = Occlusion(request.net).attribute(
        request.inputs,
        sliding_window_shapes=(channels, window, window),
        strides=(channels, stride, stride),
        target=request.target,
        perturbations_per_eval=together(request.inputs),
    )
    return maps.to(request.inputs)


_METHODS: Mapping[str, Callable[[MapRequest], Tensor]] = {
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
