"""The ImageNet nets against torchvision's: the same numbers out, the same gradients back, the same counts."""

import dataclasses

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from resnet_edu import nets
from resnet_edu.anatomy.plan import plan, unit_plan
from resnet_edu.experiment.net import Imagenet
from resnet_edu.nets import branches, count, reference, resnet
from resnet_edu.nets.weights import WeightsError, fill, from_torchvision

DEPTHS = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}


def pair(depth, training):
    """Ours and torchvision's with the same random weights and statistics."""
    torch.manual_seed(depth)
    theirs = torchvision.models.get_model(f"resnet{depth}", weights=None, num_classes=7)
    for name, tensor in theirs.state_dict().items():
        if "running_var" in name or ("bn" in name and "weight" in name):
            tensor.uniform_(0.5, 1.0)
        elif "running_mean" in name or ("bn" in name and "bias" in name):
            tensor.normal_(std=0.1)
    ours = nets.assemble(Imagenet(depth=depth), channels=3, side=64, classes=7)
    fill(ours, from_torchvision(theirs.state_dict()))
    return ours.train(training), theirs.train(training)


def assert_equal(depth, training):
    ours, theirs = pair(depth, training)
    x, labels = torch.randn(3, 3, 64, 64), torch.tensor([0, 3, 6])
    logits, expected = ours(x), theirs(x)
    scale = expected.std(0).max().item()
    assert scale > 0.05, "these logits hardly depend on the image, so they would prove nothing"
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
@pytest.mark.parametrize(
    "depth",
    [18, pytest.param(50, marks=SLOW), *(pytest.param(d, marks=pytest.mark.soak) for d in (34, 101, 152))],
)
def test_logits_gradients_and_statistics_equal_torchvisions(depth, training):
    assert_equal(depth, training)


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [pytest.param(d, n, marks=SLOW if d > 50 else ()) for d, n in DEPTHS.items()],
)
def test_parameters_are_torchvisions(depth, parameters):
    with torch.device("meta"):
        ours = nets.assemble(Imagenet(depth=depth), channels=3, side=224, classes=1000)
        theirs = torchvision.models.get_model(f"resnet{depth}", weights=None)
    assert count.parameters(ours) == count.parameters(theirs) == parameters
    assert count.macs(ours, (3, 224, 224)) == count.macs(theirs, (3, 224, 224))


real_unit = branches.unit


def stride_on_the_first_1x1(net, plan):
    paper = dataclasses.replace(net, stride="1x1")
    width = plan.layers[0].size_out
    return real_unit(paper, unit_plan(paper.unit, plan.size_in, width, plan.stride))


def norm_after_the_last_layer_left_out(net, plan):
    unit = real_unit(net, plan)
    unit.branch.norm3.forward = lambda x: x
    return unit


def relu_before_the_addition(net, plan):
    unit = real_unit(net, plan)
    unit.branch.append(nn.ReLU())
    return unit


def relu_after_the_addition_left_out(net, plan):
    unit = real_unit(net, plan)
    unit.after = nn.Identity()
    return unit


def projection_without_its_stride_but_pooled(net, plan):
    unit = real_unit(net, plan)
    if plan.stride > 1:
        unit.shortcut.conv.stride = (1, 1)
        unit.shortcut.append(nn.AvgPool2d(2))
    return unit


def branch_halved(net, plan):
    unit = real_unit(net, plan)
    unit.add = nets.ScaledAdd(1.0, 0.5)
    return unit


MISPRINTS = [
    stride_on_the_first_1x1,
    norm_after_the_last_layer_left_out,
    relu_before_the_addition,
    relu_after_the_addition_left_out,
    projection_without_its_stride_but_pooled,
    branch_halved,
]


@pytest.mark.slow
@pytest.mark.parametrize("misprint", MISPRINTS, ids=lambda misprint: misprint.__name__)
def test_a_misprint_is_caught(monkeypatch, misprint):
    monkeypatch.setattr(resnet, "unit", misprint)
    with pytest.raises(AssertionError):
        assert_equal(50, training=False)


def test_strides_of_the_wrong_stages_are_caught(monkeypatch):
    """As in a respected teaching ResNet: the first stage halves and the last does not."""

    def reversed_strides(net, **sizes):
        planned = plan(net, **sizes)
        strides = [unit.stride for stage in planned.stages for unit in stage][::-1]
        units = iter(zip((unit for stage in planned.stages for unit in stage), strides, strict=True))
        turned = [[_with_stride(*next(units)) for _ in stage] for stage in planned.stages]
        return planned._replace(stages=tuple(map(tuple, turned)))

    def _with_stride(unit, stride):
        first, middle, last = unit.layers
        return unit._replace(layers=(first, middle._replace(stride=stride), last))

    monkeypatch.setattr(resnet, "plan", reversed_strides)
    with pytest.raises((AssertionError, RuntimeError, WeightsError)):
        assert_equal(50, training=False)


def test_the_papers_strides_differ_from_torchvisions_in_cost_alone():
    """He 2015 has the stride on the first 1×1: the same weights fit both, and cost 11.3e9 against 11.51e9."""
    theirs, ours = Imagenet(depth=50), Imagenet(depth=50, stride="1x1")
    with torch.device("meta"):
        first, second = (nets.assemble(net, channels=3, side=224, classes=1000) for net in (theirs, ours))
    shapes, others = ({n: t.shape for n, t in net.state_dict().items()} for net in (first, second))
    assert shapes == others
    assert count.macs(second, (3, 224, 224)) < count.macs(first, (3, 224, 224))


# torchvision's own model cards; GoogLeNet's there includes the auxiliary heads.
COUNTED = {"alexnet": 61_100_840, "vgg-16": 138_357_544, "vgg-19": 143_667_240, "googlenet": 6_624_904}


@pytest.mark.parametrize(("name", "parameters"), COUNTED.items())
def test_nets_for_comparison_are_counted(name, parameters):
    assert reference.counts(name)[0] == parameters
    net = reference.reference(name).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 3, 224, 224, device="meta"))
    assert reference.counts(name)[1] * 2 == counter.get_total_flops()
