"""Weights in and out: safetensors files, and torchvision's official ones by name."""

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
    """Copy tensors into the net by name; raises `WeightsError` before anything is changed."""
    own = net.state_dict()
    for name, tensor in own.items():
        if name not in tensors:
            raise WeightsError(f"{source}: {name} is missing; the net has it as {_sizes(tensor)}")
        if tensors[name].shape != tensor.shape:
            theirs = _sizes(tensors[name])
            raise WeightsError(f"{source}: {name} is {theirs}; the net has it as {_sizes(tensor)}")
    if extra := next((name for name in tensors if name not in own), None):
        raise WeightsError(f"{source}: {extra} is {_sizes(tensors[extra])}; the net has no such tensor")
    net.load_state_dict(dict(tensors))


def _sizes(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "a single number"


OFFICIAL = tuple(f"resnet-{depth}" for depth in (18, 34, 50, 101, 152))


def official(name: str, *, download: bool = True) -> ResNet:
    """An ImageNet ResNet with torchvision's weights (IMAGENET1K_V1), in eval mode; images 3 × 224 × 224.

    Reads them from torch.hub's folder (TORCH_HOME) or, with `download`, fetches them into it. Raises
    `SpecError` for another name, `WeightsError` if the weights cannot be fetched or do not fit.
    """
    weights, path = _published(name), official_file(name)
    if not (download or path.exists()):
        raise WeightsError(f"{name}: {path} does not exist; download it from {weights.url}")
    try:
        tensors = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:
        raise WeightsError(f"{name}: {weights.url} cannot be fetched ({error}); save it as {path}") from None
    with torch.device("cpu"):
        net = assemble(Imagenet(depth=int(named_net(name)["net.depth"])), channels=3, side=224, classes=1000)
    fill(net, from_torchvision(tensors), f"{name} from {path.name}")
    return net.eval()


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
    """A torchvision ResNet's state dict under this package's names (stride on the 3×3, option B)."""
    return {_name_here(name): tensor for name, tensor in tensors.items()}


def _name_here(name: str) -> str:
    """'layer2.0.bn1.weight' → 'stages.1.0.branch.norm1.weight'."""
    place, *rest = name.split(".")
    simple = {"conv1": "stem.conv", "bn1": "stem.norm", "fc": "head"}
    if place in simple:
        return ".".join([simple[place], *rest])
    if not place.startswith("layer") or len(rest) < 3:
        return name
    unit, part, *last = rest
    if part == "downsample":
        part = f"shortcut.{'conv' if last.pop(0) == '0' else 'norm'}"
    else:
        part = f"branch.{part.replace('bn', 'norm')}"
    return ".".join([f"stages.{int(place[5:]) - 1}", unit, part, *last])
