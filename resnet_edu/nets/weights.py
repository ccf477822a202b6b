"""Weights in and out: safetensors files, torchvision's official ones by name, and public CIFAR weights.

net = assemble(Cifar(depth=20), channels=3, side=32, classes=10)
fill(net, convert(load_file("resnet20.safetensors"), net, zeros="both"))
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from resnet_edu.experiment.names import named_net
from resnet_edu.experiment.net import Imagenet
from resnet_edu.experiment.parts import PadShortcut
from resnet_edu.experiment.spec import SpecError
from resnet_edu.nets.resnet import ResNet, assemble


class WeightsError(ValueError):
    """Weights are missing or do not fit the net; the message names the first tensor that does not fit."""


def save(net: nn.Module, path: Path | str) -> None:
    """Write every parameter and buffer, under its name in the net, to a safetensors file."""
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, path)


def load(net: nn.Module, path: Path | str) -> None:
    """Fill the net from a file of `save`; a file that does not fit changes nothing. Raises `WeightsError`."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: {error}") from None
    fill(net, tensors, str(path))


def fill(net: nn.Module, tensors: Mapping[str, Tensor], source: str = "these weights") -> None:
    """Copy tensors into the net by name; raises `WeightsError` before anything is changed.

    As PyTorch does, it converts half precision to the net's, and keeps the net's own count of batches
    (`num_batches_tracked`) where the tensors have none: files from before PyTorch 0.4.1 do not. The prefix
    `module.` of DataParallel's names is taken off.
    """
    own, tensors = net.state_dict(), _without_prefix(tensors)
    tensors = {name: own[name] for name in own if name.endswith(COUNTER)} | tensors
    for name, tensor in own.items():
        if name not in tensors:
            raise WeightsError(f"{source}: {name} is missing; the net has it as {_sizes(tensor)}")
        if not isinstance(tensors[name], Tensor):
            raise WeightsError(f"{source}: {name} is {type(tensors[name]).__name__}, which is no tensor")
        if tensors[name].shape != tensor.shape:
            theirs = _sizes(tensors[name])
            raise WeightsError(f"{source}: {name} is {theirs}; the net has it as {_sizes(tensor)}")
    if extra := next((name for name in tensors if name not in own), None):
        raise WeightsError(f"{source}: {extra} is {_sizes(tensors[extra])}; the net has no such tensor")
    net.load_state_dict(tensors)


def _without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without the `module.` that DataParallel and DistributedDataParallel put before each of them."""
    wrapped = bool(tensors) and all(name.startswith(PREFIX) for name in tensors)
    return {name.removeprefix(PREFIX) if wrapped else name: tensor for name, tensor in tensors.items()}


def _sizes(tensor: object) -> str:
    if not isinstance(tensor, Tensor):
        return type(tensor).__name__
    return " × ".join(map(str, tensor.shape)) or "a single number"


COUNTER, PREFIX = ".num_batches_tracked", "module."
OFFICIAL = tuple(f"resnet-{depth}" for depth in (18, 34, 50, 101, 152))


def official(name: str, *, download: bool = True) -> ResNet:
    """An ImageNet ResNet with torchvision's weights (IMAGENET1K_V1), in eval mode; images 3 × 224 × 224.

    Reads them from torch.hub's folder (TORCH_HOME) or, with `download`, fetches them into it. Raises
    `SpecError` for another name, `WeightsError` if the weights cannot be fetched, are damaged or do not fit.
    """
    weights, path = _published(name), official_file(name)
    if not (download or path.exists()):
        raise WeightsError(f"{name}: {path} does not exist; download it from {weights.url}")
    try:
        tensors = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except Exception as error:  # whatever the file is instead: a web page, half a download, another pickle
        raise WeightsError(_unusable(name, path, weights.url, error)) from None
    if not isinstance(tensors, Mapping):
        raise WeightsError(f"{name}: {path} holds {type(tensors).__name__}, which is no net's weights")
    with torch.device("cpu"):
        net = assemble(Imagenet(depth=int(named_net(name)["net.depth"])), channels=3, side=224, classes=1000)
    fill(net, from_torchvision(tensors), f"{name} from {path.name}")
    return net.eval()


def _unusable(name: str, path: Path, url: str, error: Exception) -> str:
    """Why there are no weights, and what helps. A download that fails leaves no file."""
    why = (str(error).splitlines() or [type(error).__name__])[0][:200]
    if path.exists():
        return f"{name}: {path} is damaged ({why}); remove it, and it is fetched again from {url}"
    return f"{name}: {url} cannot be fetched ({why}); save it as {path}, or set TORCH_HOME to another folder"


def official_file(name: str) -> Path:
    """Where torch.hub keeps torchvision's weights of this net, once they are fetched. Raises `SpecError` for
    another name."""
    return Path(torch.hub.get_dir(), "checkpoints", str(_published(name).url).rsplit("/", 1)[1])


def _published(name: str) -> Any:
    """torchvision's record of the weights: url, digest, classes."""
    if name not in OFFICIAL:
        raise SpecError(f"name is {name!r}; official weights exist for {', '.join(OFFICIAL)}")
    from torchvision.models import get_model_weights

    return get_model_weights(name.replace("-", ""))["IMAGENET1K_V1"]


def from_torchvision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A ResNet's state dict under this package's names: torchvision's (stride on the 3×3, option B), and that
    of public CIFAR nets, which call the head `linear` and the projection `shortcut`."""
    return {_name_here(name): tensor for name, tensor in _without_prefix(tensors).items()}


def _name_here(name: str) -> str:
    """'layer2.0.bn1.weight' → 'stages.1.0.branch.norm1.weight'."""
    place, *rest = name.split(".")
    simple = {"conv1": "stem.conv", "bn1": "stem.norm", "fc": "head", "linear": "head"}
    if place in simple:
        return ".".join([simple[place], *rest])
    if not place.startswith("layer") or len(rest) < 3:
        return name
    unit, part, *last = rest
    if part in ("downsample", "shortcut"):
        part = f"shortcut.{'conv' if last.pop(0) == '0' else 'norm'}"
    else:
        part = f"branch.{part.replace('bn', 'norm')}"
    return ".".join([f"stages.{int(place[5:]) - 1}", unit, part, *last])


def convert(tensors: Mapping[str, Tensor], net: ResNet, *, zeros: str = "end") -> dict[str, Tensor]:
    """The state dict of a public CIFAR net as `fill(net, …)` takes it: names, and the order of channels.

    tensors  as published: names as `from_torchvision` takes them
    net      of this package, with the same layers and shortcuts
    zeros    where option A of the published net puts its channels of zeros: at the "end", as here, or on
             "both" sides of the copied ones, half of them each

    With zeros on both sides it sorts each stage's channels, so that the copied ones come first. The net
    computes the same function; a convolution adds its channels in another order, which changes last bits.
    Raises `SpecError` for other `zeros`, and for "both" where the net is not He 2015's with option A.
    """
    if zeros not in ("end", "both"):
        raise SpecError(f"zeros is {zeros!r}; allowed: end, both")
    renamed, spec = from_torchvision(tensors), net.spec
    if zeros == "end":
        return renamed
    if not isinstance(spec.shortcut, PadShortcut) or spec.order != "original" or spec.unit.nested:
        raise SpecError("zeros is 'both'; allowed for nets with option A in the original order: end, both")
    _, first = net.units()[0]
    order = torch.arange(first.plan.size_in)  # here channel i is the published net's channel order[i]
    for name, unit in net.units():
        before, layers = order, len(unit.plan.layers)
        if extra := unit.plan.size_out - unit.plan.size_in:
            front, rest = torch.arange(unit.plan.size_out).split(
                [extra // 2, unit.plan.size_out - extra // 2]
            )
            order = torch.cat([extra // 2 + before, front, rest[unit.plan.size_in :]])
        _sort(renamed, f"{name}.branch.conv1.weight", 1, before)
        _sort(renamed, f"{name}.branch.conv{layers}.weight", 0, order)
        for each in ("weight", "bias", "running_mean", "running_var"):
            _sort(renamed, f"{name}.branch.norm{layers}.{each}", 0, order)
    _sort(renamed, "head.weight", 1, order)
    return renamed


def _sort(tensors: dict[str, Tensor], name: str, dim: int, order: Tensor) -> None:
    """Sort one dimension of a tensor; one that is missing or does not fit stays, and `fill` names it."""
    tensor = tensors.get(name)
    if tensor is not None and tensor.dim() > dim and tensor.shape[dim] == len(order):
        tensors[name] = tensor.index_select(dim, order.to(tensor.device))
