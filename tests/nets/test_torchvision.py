"""The ImageNet nets against torchvision's: the same numbers out, the same gradients back, the same counts."""

import pytest
import torch
import torchvision
from torch.nn.functional import cross_entropy

from resnet_edu import nets
from resnet_edu.nets import count
from resnet_edu.nets.weights import fill, from_torchvision
from resnet_edu.netspec import Imagenet

DEPTHS = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}


def pair(depth, training):
    """Ours and torchvision's with the same random weights and statistics."""
    torch.manual_seed(depth)
    theirs = torchvision.models.get_model(f"resnet{depth}", weights=None, num_classes=7)
    for name, tensor in theirs.state_dict().items():
        if "running" in name or ("bn" in name and "weight" in name):
            tensor.uniform_(0.5, 1.0)
        elif "bn" in name and "bias" in name:
            tensor.normal_(std=0.1)
    ours = nets.assemble(Imagenet(depth=depth), channels=3, side=64, classes=7)
    fill(ours, from_torchvision(theirs.state_dict()))
    return ours.train(training), theirs.train(training)


def assert_equal(depth, training):
    ours, theirs = pair(depth, training)
    x, labels = torch.randn(3, 3, 64, 64), torch.tensor([0, 3, 6])
    logits, expected = ours(x), theirs(x)
    scale = expected.abs().max().item()
    assert (logits - expected).abs().max().item() <= 1e-5 * min(1, scale)
    cross_entropy(logits, labels).backward()
    cross_entropy(expected, labels).backward()
    gradients = from_torchvision({name: p.grad for name, p in theirs.named_parameters()})
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(
            parameter.grad, gradients[name], rtol=1e-4, atol=1e-5 * gradients[name].abs().max().item() + 1e-9
        )
    ours_after, theirs_after = ours.state_dict(), from_torchvision(theirs.state_dict())
    for name, tensor in theirs_after.items():
        torch.testing.assert_close(ours_after[name], tensor, rtol=1e-5, atol=1e-5)


SLOW = pytest.mark.slow


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("depth", [18, 50, *(pytest.param(d, marks=SLOW) for d in (34, 101, 152))])
def test_logits_gradients_and_statistics_equal_torchvisions(depth, training):
    assert_equal(depth, training)


@pytest.mark.parametrize(("depth", "parameters"), DEPTHS.items())
def test_parameters_are_torchvisions(depth, parameters):
    with torch.device("meta"):
        ours = nets.assemble(Imagenet(depth=depth), channels=3, side=224, classes=1000)
        theirs = torchvision.models.get_model(f"resnet{depth}", weights=None)
    assert count.parameters(ours) == count.parameters(theirs) == parameters
    assert count.macs(ours, (3, 224, 224)) == count.macs(theirs, (3, 224, 224))
