"""Weights in and out: safetensors, torchvision's by name, and what is said when they do not fit."""

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from resnet_edu import nets
from resnet_edu.experiment import Cifar, Imagenet
from resnet_edu.experiment.spec import SpecError
from resnet_edu.nets import weights
from resnet_edu.nets.weights import WeightsError


def built(net=Cifar(depth=8, width=4), seed=0):
    return nets.build(net, channels=3, side=8, classes=5, seed=seed)


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], tensor) for name, tensor in other.items())


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "net.safetensors"
    weights.save(built(), path)
    return path


def test_what_is_saved_is_loaded_bit_for_bit(saved):
    other = built(seed=1)
    weights.load(other, saved)
    assert_same(other.state_dict(), built().state_dict())


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Cifar(depth=8, width=2), "stem.conv.weight is 4 × 3 × 3 × 3; the net has it as 2 × 3 × 3 × 3"),
        (
            Cifar(depth=14, width=4),
            "stages.0.1.branch.conv1.weight is missing; the net has it as 4 × 4 × 3 × 3",
        ),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(saved, net, message):
    other = built(net)
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        weights.load(other, saved)
    assert str(caught.value) == f"{saved}: {message}"
    assert_same(other.state_dict(), before)


def test_a_tensor_too_many_and_a_broken_file_are_told(saved, tmp_path):
    tensors = built().state_dict()
    save_file({**tensors, "extra.weight": torch.zeros(2, 3)}, saved)
    with pytest.raises(WeightsError, match=r"extra\.weight is 2 × 3; the net has no such tensor"):
        weights.load(built(), saved)
    saved.write_bytes(saved.read_bytes()[:100])
    with pytest.raises(WeightsError, match=r"net\.safetensors: "):
        weights.load(built(), saved)
    with pytest.raises(WeightsError, match="elsewhere"):
        weights.load(built(), tmp_path / "elsewhere")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A torch.hub folder of our own, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_official_weights_are_loaded_by_name_from_where_torchvision_keeps_them(hub):
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(weights=None).eval()
    file = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]
    torch.save(theirs.state_dict(), hub / file)
    ours = weights.official("resnet-18", download=False)
    assert ours.spec == Imagenet(depth=18)
    x = torch.randn(2, 3, 64, 64)
    assert (ours(x) - theirs(x)).abs().max() <= 1e-5
    torch.save(torchvision.models.resnet18(weights=None, num_classes=7).state_dict(), hub / file)
    with pytest.raises(
        WeightsError, match=r"resnet-18 .*: head\.weight is 7 × 512; the net has it as 1000 × 512"
    ):
        weights.official("resnet-18")


def test_official_weights_that_are_not_here_are_told_where_to_get(hub):
    with pytest.raises(WeightsError, match=r"resnet50-.*\.pth does not exist; download it from https://"):
        weights.official("resnet-50", download=False)
    said = r"resnet-50: https://.* cannot be fetched \(no network\); save it as "
    with pytest.raises(WeightsError, match=said):
        weights.official("resnet-50")
    with pytest.raises(SpecError, match="official weights exist for resnet-18, "):
        weights.official("plain-34")
