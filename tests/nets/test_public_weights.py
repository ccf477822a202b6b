"""Weights as other projects publish them: older files, wrapped names, half precision, option A's zeros on
both sides of the channels; and what is in the cache by mistake."""

from __future__ import annotations

import io
import pickle
import re

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from resnet_edu import nets
from resnet_edu.experiment import Cifar, Imagenet, ProjectionShortcut
from resnet_edu.experiment.spec import SpecError
from resnet_edu.nets import weights
from resnet_edu.nets.weights import WeightsError, convert, fill, from_torchvision


class PublicBlock(nn.Module):
    """As in many public CIFAR nets: option A pads `planes // 4` channels on either side."""

    def __init__(self, planes_in: int, planes: int, stride: int, both: bool, option: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(planes_in, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        extra = planes - planes_in
        self.padding = (extra // 2, extra - extra // 2) if both else (0, extra)
        self.shortcut = nn.Sequential()
        if option == "B" and extra:
            self.shortcut = nn.Sequential(
                nn.Conv2d(planes_in, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        if len(self.shortcut):
            return relu(out + self.shortcut(x))
        if self.conv1.stride[0] == 2:
            x = pad(x[:, :, ::2, ::2], (0, 0, 0, 0, *self.padding))
        return relu(out + x)


class PublicNet(nn.Module):
    """A CIFAR ResNet with the names of public ones: conv1, bn1, layer1 … layer3, linear."""

    def __init__(self, both: bool, option: str = "A", units: int = 2, width: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        sizes = [width, width, 2 * width, 4 * width]
        for stage in (1, 2, 3):
            blocks = [
                PublicBlock(
                    sizes[stage - (unit == 0)],
                    sizes[stage],
                    2 if stage > 1 and not unit else 1,
                    both,
                    option,
                )
                for unit in range(units)
            ]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.linear = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def public(**settings) -> PublicNet:
    """With weights and statistics that tell all channels apart."""
    torch.manual_seed(1)
    net = PublicNet(**settings)
    for name, tensor in net.state_dict().items():
        if "running_var" in name or (".bn" in name and name.endswith("weight")) or name == "bn1.weight":
            tensor.uniform_(0.5, 1.5)
        elif "running_mean" in name or name.endswith("bias"):
            tensor.normal_(std=0.3)
    return net.eval()


def here(**settings) -> nets.ResNet:
    return nets.build(Cifar(depth=14, width=8, **settings), channels=3, side=32, classes=10, seed=0).eval()


X = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(2)) * torch.arange(1, 5).view(
    4, 1, 1, 1
)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_public_cifar_net_computes_the_same_here(both: bool, wrapped: bool) -> None:
    theirs = public(both=both)
    tensors = (nn.DataParallel(theirs) if wrapped else theirs).state_dict()
    ours = here()
    fill(ours, convert(tensors, ours, zeros="both" if both else "end"))
    expected = theirs(X)
    assert expected.std(0).max() > 0.05, "logits that hardly depend on the image would prove nothing"
    torch.testing.assert_close(ours(X), expected, rtol=1e-4, atol=1e-5)


def test_zeros_on_the_wrong_side_give_another_function() -> None:
    theirs, ours = public(both=True), here()
    fill(ours, convert(theirs.state_dict(), ours))
    assert (ours(X) - theirs(X)).abs().max() > 0.05


def test_a_projection_that_is_called_shortcut() -> None:
    theirs, ours = public(both=True, option="B"), here(shortcut=ProjectionShortcut())
    fill(ours, convert(theirs.state_dict(), ours))
    torch.testing.assert_close(ours(X), theirs(X), rtol=1e-4, atol=1e-5)
    with pytest.raises(SpecError, match="zeros is 'both'; allowed for nets with option A"):
        convert(theirs.state_dict(), ours, zeros="both")
    with pytest.raises(SpecError, match="zeros is 'front'; allowed: end, both"):
        convert(theirs.state_dict(), ours, zeros="front")


def test_tensors_that_do_not_fit_are_named() -> None:
    tensors = public(both=True, width=4).state_dict()
    with pytest.raises(WeightsError, match=r"stem\.conv\.weight is 4 × 3 × 3 × 3; the net has it as 8"):
        fill(ours := here(), convert(tensors, ours, zeros="both"))
    missing = {name: tensor for name, tensor in public(both=True).state_dict().items() if "bn2" not in name}
    with pytest.raises(WeightsError, match=r"branch\.norm2\.weight is missing"):
        fill(ours, convert(missing, ours, zeros="both"))


def torchvisions() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.resnet18(weights=None, num_classes=7).eval()


def ours_18() -> nets.ResNet:
    return nets.assemble(Imagenet(depth=18), channels=3, side=64, classes=7).eval()


def older(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As saved before BatchNorm counted batches (PyTorch 0.4.1): torchvision's published files."""
    return {name: tensor for name, tensor in tensors.items() if "num_batches_tracked" not in name}


def wrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{name}": tensor for name, tensor in tensors.items()}


def half(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}


@pytest.mark.parametrize("change", [older, wrapped, half, lambda t: wrapped(half(older(t)))])
def test_older_wrapped_and_smaller_files_are_taken(change) -> None:
    theirs, ours = torchvisions(), ours_18()
    fill(ours, from_torchvision(change(dict(theirs.state_dict()))))
    assert {tensor.dtype for tensor in ours.parameters()} == {torch.float32}
    x = X[:1].repeat(1, 1, 2, 2)
    torch.testing.assert_close(ours(x), theirs(x), rtol=2e-2, atol=2e-2)
    counters = [tensor for name, tensor in ours.state_dict().items() if "num_batches" in name]
    assert {int(tensor) for tensor in counters} == {0}


def test_own_names_with_the_prefix_and_without_counters() -> None:
    ours, other = here(), nets.build(here().spec, channels=3, side=32, classes=10, seed=5)
    fill(ours, wrapped(older(dict(other.state_dict()))))
    assert torch.equal(ours.stem.conv.weight, other.stem.conv.weight)


def test_what_is_no_tensor_is_named() -> None:
    tensors = dict(here().state_dict())
    with pytest.raises(WeightsError, match=r"stem\.conv\.weight is list, which is no tensor"):
        fill(here(), tensors | {"stem.conv.weight": [1.0]})  # type: ignore[dict-item]
    with pytest.raises(WeightsError, match="epoch is int; the net has no such tensor"):
        fill(here(), tensors | {"epoch": 3})  # type: ignore[dict-item]


class Harmful:
    def __reduce__(self):
        return print, ("this must never be printed",)


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html><body>Sign in to the network</body></html>",
        b"",
        saved({"conv1.weight": torch.zeros(3)})[:300],
        pickle.dumps(Harmful()),
        saved([1, 2, 3]),
        saved({"state_dict": {"conv1.weight": torch.zeros(3)}, "epoch": 3}),
    ],
    ids=["web page", "empty", "cut off", "pickle", "list", "checkpoint"],
)
def test_a_damaged_file_in_the_cache_is_named(content: bytes, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url
    file = tmp_path / "hub" / "checkpoints" / url.rsplit("/", 1)[1]
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=re.escape(file.name)) as caught:
        weights.official("resnet-18")
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""
