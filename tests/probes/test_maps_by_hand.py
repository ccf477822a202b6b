"""Each method against its own definition, written with autograd or a loop; in double precision."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from net_variants import ALL, built, images, label, made, shake
from torch import nn

from resnet_edu.experiment.net import ORDERS, Cifar, Dense
from resnet_edu.experiment.parts import NoShortcut, PadShortcut
from resnet_edu.methods import SMOOTH_NOISE, SMOOTH_SAMPLES
from resnet_edu.probes.saliency import attribute

pytestmark = pytest.mark.slow

TARGET = 1
SPECS = [
    made(kind, shortcut=shortcut, order=order)  # two units a stage, the second without change of size
    for kind in (Cifar, Dense)
    for shortcut in (NoShortcut(), PadShortcut())
    for order in ORDERS
]
CONVOLUTIONAL = [spec for spec in SPECS if isinstance(spec, Cifar)]


def net_of(spec):
    return shake(built(spec, double=True)).eval()


def gradient(net, inputs):
    inputs = inputs.detach().requires_grad_()
    return torch.autograd.grad(net(inputs)[:, TARGET].sum(), inputs)[0]


def assert_map(net, method, expected, rtol=1e-9, **asked):
    found = attribute(net, images(2, double=True), TARGET, method, **asked)
    scale = expected.abs().max().item()
    assert scale > 0, "a map of zeros would prove nothing"
    torch.testing.assert_close(found, expected, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_gradients_are_autograd_s(spec):
    net, inputs = net_of(spec), images(2, double=True)
    assert_map(net, "saliency", gradient(net, inputs).abs())
    assert_map(net, "input_x_gradient", inputs * gradient(net, inputs))


def test_smooth_grad_is_the_size_of_a_mean_over_noisy_copies():
    net, inputs = net_of(SPECS[0]), images(2, double=True)
    means = []
    for one in inputs:
        torch.manual_seed(7)
        spread = (one.max() - one.min()).item()
        noise = torch.normal(0, torch.full((SMOOTH_SAMPLES, *one.shape), SMOOTH_NOISE * spread))
        means.append(torch.stack([gradient(net, (one + each)[None])[0] for each in noise]).mean(0))
    assert_map(net, "smooth_grad", torch.stack(means).abs(), seed=7)


def test_smooth_grad_follows_its_seed_and_leaves_torch_s_alone():
    net, inputs = net_of(SPECS[0]), images(1, double=True)
    state = torch.get_rng_state()
    one, again, other = (attribute(net, inputs, TARGET, "smooth_grad", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)
    assert torch.equal(torch.get_rng_state(), state)


class Rescaled(torch.autograd.Function):
    """A ReLU of images and, behind them, as many mean images; back through it goes Δ output / Δ input."""

    @staticmethod
    def forward(context, both):
        context.save_for_backward(both)
        return both.relu()

    @staticmethod
    def backward(context, gradient):
        (both,) = context.saved_tensors
        here, mean = both.chunk(2)
        change = here - mean
        slope = torch.where(change.abs() < 1e-10, (here > 0).to(here), (here.relu() - mean.relu()) / change)
        return gradient * torch.cat([slope, slope])


class Guided(torch.autograd.Function):
    """A ReLU; back through it goes what is positive, where its input was."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return x.relu()

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return gradient.relu() * (x > 0)


def with_relus(net, function):
    changed = copy.deepcopy(net)
    for name, module in list(changed.named_modules()):
        if isinstance(module, nn.ReLU):
            changed.get_submodule(name).forward = function.apply
    return changed


@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_deep_lift_passes_changes_on_through_every_relu(spec):
    """Units that begin with a ReLU are among them: Captum by itself is wrong there by 40 % and more."""
    net, inputs = net_of(spec), images(2, double=True)
    both = torch.cat([inputs, torch.zeros_like(inputs)]).requires_grad_()
    score = with_relus(net, Rescaled)(both)[:2, TARGET].sum()
    multipliers = torch.autograd.grad(score, both)[0][:2]
    assert_map(net, "deep_lift", inputs * multipliers, rtol=1e-6)


@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_guided_backprop_stops_what_is_negative_at_every_relu(spec):
    net, inputs = net_of(spec), images(2, double=True)
    assert_map(net, "guided_backprop", gradient(with_relus(net, Guided), inputs))


def cam(net, inputs, unit):
    logits, intermediates = net.forward_intermediates(inputs)
    channels = intermediates[unit]
    weights = torch.autograd.grad(logits[:, TARGET].sum(), channels)[0].mean((2, 3), keepdim=True)
    coarse = (weights * channels).sum(1, keepdim=True).relu().detach()
    return F.interpolate(coarse, inputs.shape[2:], mode="bilinear")


@pytest.mark.parametrize("spec", CONVOLUTIONAL, ids=label)
def test_grad_cam_at_every_unit_weights_channels_by_their_mean_gradients(spec):
    net, inputs = net_of(spec), images(2, double=True)
    seen = 0
    for unit, _ in net.units():
        expected = cam(net, inputs, unit)
        if expected.abs().max() > 0:  # nothing may speak for the class there
            assert_map(net, "grad_cam", expected, unit=unit)
            guided = gradient(with_relus(net, Guided), inputs)
            assert_map(net, "guided_grad_cam", guided * expected, unit=unit)
            seen += 1
    assert seen
    last = net.units()[-1][0]
    default, named = (attribute(net, inputs, TARGET, "grad_cam", unit=unit) for unit in (None, last))
    assert torch.equal(default, named), "the last unit by default"


@pytest.mark.parametrize("side", [8, 11, 16])
def test_occlusion_is_a_loop_over_squares(side):
    from resnet_edu import nets

    net = nets.build(Cifar(depth=8, width=4), channels=2, side=side, classes=3, seed=0).double().eval()
    one = torch.randn(1, 2, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    window, stride = side // 4, side // 8
    falls, counts = torch.zeros(side, side).double(), torch.zeros(side, side)
    with torch.no_grad():
        score = net(one)[0, TARGET]
        reach = -(-(side - window) // stride) * stride + 1
        for top in range(0, reach, stride):
            for left in range(0, reach, stride):
                square = slice(top, top + window), slice(left, left + window)
                without = one.clone()
                without[:, :, *square] = 0
                falls[square] += score - net(without)[0, TARGET]
                counts[square] += 1
    assert counts.min() >= 1
    found = attribute(net, one, TARGET, "occlusion")[0]
    expected = (falls / counts).expand_as(found)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)  # Captum adds up in float32


def exact_path(net, one, points=4000):
    shares = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    chunks = [gradient(net, share.view(-1, 1, 1, 1) * one).sum(0) for share in shares.split(1000)]
    return one[0] * torch.stack(chunks).sum(0) / points


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[5], SPECS[-1]], ids=label)
def test_integrated_gradients_are_those_of_four_thousand_points(spec):
    net, inputs = net_of(spec), images(2, double=True)
    found = attribute(net, inputs, TARGET, "integrated_gradients")
    expected = torch.stack([exact_path(net, one[None]) for one in inputs])
    assert (found - expected).norm() <= 0.02 * expected.norm()


def test_the_way_is_cut_where_it_bends(monkeypatch):
    from captum.attr import IntegratedGradients

    asked, real = [], IntegratedGradients.attribute

    def spied(self, ends, starts, **options):
        asked.append(len(ends))
        return real(self, ends, starts, **options)

    monkeypatch.setattr(IntegratedGradients, "attribute", spied)
    net, inputs = net_of(Cifar(depth=32, width=4, shortcut=NoShortcut())), images(1, double=True)
    attribute(net, inputs, TARGET, "integrated_gradients")
    assert asked[0] == 64
    assert all(8 <= pieces <= 64 and pieces % 2 == 0 for pieces in asked[1:]), "some of them, cut in two"
    assert 64 < sum(asked) < 1200
    straight = net_of(SPECS[0])
    for module in straight.modules():
        if isinstance(module, nn.ReLU):
            module.forward = lambda x: x
    asked.clear()
    attribute(straight, inputs, TARGET, "integrated_gradients")
    assert asked == [64], "on a straight line no piece needs to be cut"


def test_a_linear_net_s_maps_are_its_weights():
    net = nn.Sequential(nn.Flatten(), nn.Linear(128, 3)).double()
    inputs = images(2, double=True)
    weights = net[1].weight[TARGET].detach().view(2, 8, 8)
    for method in ("input_x_gradient", "integrated_gradients", "deep_lift"):
        assert_map(net, method, inputs * weights)
    for method in ("saliency", "smooth_grad"):
        assert_map(net, method, weights.abs().expand(2, 2, 8, 8))


def test_the_captum_that_is_installed_still_has_the_trap():
    """If this fails, the copies in `undisturbed` may have become superfluous."""
    from captum.attr import DeepLift

    net = net_of(made(Cifar, order="relu-only-preactivation"))
    inputs = images(1, double=True).requires_grad_()
    with pytest.warns(UserWarning, match="hooks"):
        alone = DeepLift(net).attribute(inputs, torch.zeros_like(inputs), target=TARGET).detach()
    held = attribute(net, inputs, TARGET, "deep_lift")
    with torch.no_grad():
        difference = (net(inputs) - net(torch.zeros_like(inputs)))[0, TARGET]
    assert abs(held.sum() - difference) <= 1e-9 * abs(difference)
    assert abs(alone.sum() - difference) > 0.1 * abs(difference)


def test_every_order_and_norm_is_tried():
    assert {spec.order for spec in SPECS} == {spec.order for spec in ALL}
    assert np.isfinite(
        [attribute(net_of(s), images(1, double=True), 0, "saliency").sum() for s in SPECS]
    ).all()
