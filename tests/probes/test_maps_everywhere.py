"""Every method on every unit, order and norm; what it leaves behind; whether it finds what was planted."""

import pytest
import torch
from net_variants import ALL, built, images, label, made, shake
from torch import nn

from resnet_edu.experiment.net import Cifar, Dense
from resnet_edu.experiment.parts import (
    ExclusiveGate,
    GroupNorm,
    Highway,
    LayerNorm,
    NoShortcut,
    PadShortcut,
    ShortcutGate,
)
from resnet_edu.methods import METHODS
from resnet_edu.probes.saliency import attribute

pytestmark = pytest.mark.slow

PLACE = (5, 2)


def suits(spec, method):
    if method == "deep_lift":
        gated = isinstance(spec.shortcut, (ExclusiveGate, ShortcutGate, Highway))
        return not gated and not isinstance(spec.norm, (GroupNorm, LayerNorm))
    return not METHODS[method].of_unit or isinstance(spec, Cifar)


@pytest.mark.parametrize("spec", ALL, ids=label)
def test_a_map_or_a_reason(spec, untouched):
    net = shake(built(spec)).eval()
    untouched(net)
    for method in METHODS:
        if not suits(spec, method):
            with pytest.raises(ValueError, match=f"{method} (has no rule for|needs units with pixels)"):
                attribute(net, images(1), 0, method)
            continue
        found = attribute(net, images(1), 0, method, pieces=64)
        assert found.shape == (1, 1 if method == "grad_cam" else 2, 8, 8)
        assert found.isfinite().all()
        assert not found.requires_grad


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.of_unit])
def test_a_unit_is_looked_at_by_its_name(method):
    net = shake(built(made(Cifar))).eval()
    for unit, _ in net.units():
        assert attribute(net, images(1), 0, method, unit=unit).isfinite().all()
    with pytest.raises(ValueError, match=r"unit is 'stem'; units: stages\.0\.0, stages\.0\.1"):
        attribute(net, images(1), 0, method, unit="stem")


def broken(*_):
    raise ZeroDivisionError


class BrokenOnTheWayBack(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        raise ZeroDivisionError


@pytest.mark.parametrize("forward", [broken, BrokenOnTheWayBack.apply], ids=["forward", "backward"])
@pytest.mark.parametrize("where", ["head", "stages.1.0.branch.relu1"])
@pytest.mark.parametrize("shortcut", [NoShortcut(), PadShortcut()], ids=lambda shortcut: shortcut.kind)
@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_left_when_a_net_breaks_halfway(method, shortcut, where, forward, untouched):
    net = shake(built(made(Cifar, shortcut=shortcut))).eval()
    untouched(net)
    attributes = {name: set(vars(module)) for name, module in net.named_modules()}
    module = net.get_submodule(where)
    if where == "head" and forward is not broken:
        module.forward = lambda x: forward(x)[:, :3]
    else:
        module.forward = forward
    if method == "occlusion" and forward is not broken:
        return  # it never goes back
    unit = "stages.0.0" if METHODS[method].of_unit else None
    with pytest.raises(ZeroDivisionError):
        attribute(net, images(1), 0, method, unit=unit)
    del module.forward
    assert {name: set(vars(module)) for name, module in net.named_modules()} == attributes
    assert attribute(net, images(1), 0, method).isfinite().all(), "and it can be asked again"


def test_a_net_in_training_or_with_frozen_weights_can_be_asked():
    net = shake(built(made(Cifar))).eval().requires_grad_(False)
    for method in METHODS:
        assert attribute(net, images(1), 0, method).isfinite().all()


class OnePixel(nn.Module):
    """Only this pixel is let through."""

    def forward(self, x):
        mask = torch.zeros_like(x)
        mask[:, :, PLACE[0], PLACE[1]] = 1
        return x * mask


def planted(spec):
    net = shake(built(spec, double=True)).eval()
    net.stem = nn.Sequential(OnePixel(), net.stem)
    return net


@pytest.mark.parametrize(
    "spec", [made(k, shortcut=s) for k in (Cifar, Dense) for s in (NoShortcut(), PadShortcut())], ids=label
)
@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if name != "grad_cam"])
def test_the_pixel_that_alone_matters_is_found(method, spec):
    if not suits(spec, method):
        return
    net, one = planted(spec), images(1, double=True)
    maps = [attribute(net, one, target, method)[0].abs().amax(0) for target in range(3)]
    found = sum(maps)
    assert found.max() > 0
    assert divmod(found.argmax().item(), 8) == PLACE or method == "occlusion"
    around = 1 if method == "occlusion" else 0
    found[PLACE[0] - around : PLACE[0] + around + 1, PLACE[1] - around : PLACE[1] + around + 1] = 0
    rounding = 1e-4 if method == "occlusion" else 0  # Captum adds up in float32 there
    assert found.max() <= rounding * sum(maps).max(), "nothing but it, or the squares that hold it"


def test_grad_cam_finds_the_pixel_as_far_as_the_unit_sees():
    """The first unit has looked 3 pixels around: one in the stem, two in the unit."""
    net = built(made(Cifar)).eval()  # without shifts: where nothing is seen, there is nothing
    net.stem = nn.Sequential(OnePixel(), net.stem)
    found = sum(attribute(net, images(1), target, "grad_cam", unit="stages.0.0")[0, 0] for target in range(3))
    assert found.max() > 0
    rows, columns = (torch.arange(8) - place for place in PLACE)
    assert found[rows.abs() > 3].max() == found[:, columns.abs() > 3].max() == 0
