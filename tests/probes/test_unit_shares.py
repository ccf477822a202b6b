"""What units carry, against Captum's conductance unit by unit; and that nothing is lost on the way."""

import pytest
import torch
from net_variants import ALL, built, images, label, made, shake

from resnet_edu import probes
from resnet_edu.experiment.net import ORDERS, Cifar, Dense
from resnet_edu.experiment.parts import NoShortcut, PadShortcut, ScaledShortcut
from resnet_edu.probes.saliency.path import difference
from resnet_edu.probes.unit_shares import conductances

TARGET = 2


def net_of(spec):
    return shake(built(spec, double=True)).eval()


@pytest.mark.parametrize("kind", [Cifar, Dense])
@pytest.mark.parametrize("order", ORDERS)
def test_a_branch_carries_its_conductance(kind, order):
    from captum.attr import LayerConductance

    net, one = net_of(made(kind, shortcut=PadShortcut(), order=order)), images(1, double=True)
    branch, _ = conductances(net, one, TARGET)
    slow = [
        LayerConductance(net, each.branch)
        .attribute(one, torch.zeros_like(one), target=TARGET, n_steps=500, method="riemann_middle")
        .sum()
        .item()
        for _, each in net.units()
    ]
    whole = abs(difference(net, one, TARGET))
    assert branch.tolist() == pytest.approx(slow, abs=0.02 * max(whole, *map(abs, slow)))


@pytest.mark.slow
@pytest.mark.parametrize("spec", ALL[::3], ids=label)
def test_branch_and_shortcut_add_up_to_the_whole_difference(spec, untouched):
    net, one = net_of(spec), images(1, double=True)
    untouched(net)
    branch, shortcut = conductances(net, one, TARGET)
    whole = difference(net, one, TARGET)
    if abs(whole) > 1e-6:
        assert (branch + shortcut - whole).abs().max() <= 0.02 * abs(whole)
    if spec.plain:
        assert shortcut.abs().max() == 0


def test_without_its_branch_a_unit_carries_nothing_but_by_the_shortcut():
    net, one = net_of(made(Cifar, shortcut=ScaledShortcut(alpha=0.5, branch=0.0))), images(1, double=True)
    branch, shortcut = conductances(net, one, TARGET)
    assert branch.abs().max() == 0
    assert shortcut.tolist() == pytest.approx([difference(net, one, TARGET)] * 6, rel=1e-2)


def test_the_answer_names_units_and_says_how_complete_it_is(noise):
    net = shake(built(made(Cifar))).eval()
    facts, arrays = probes.PROBES["unit_shares"](net, noise, image=3)
    assert facts["units"] == [name for name, _ in net.units()]
    assert arrays["branch"].shape == arrays["shortcut"].shape == (6,)
    missed = abs(arrays["branch"] + arrays["shortcut"] - facts["difference"]).max()
    assert facts["completeness_error"] == pytest.approx(missed / abs(facts["difference"]))
    assert facts["target"] == facts["label"] == noise.test_labels[3]


def test_plain_units_carry_everything_each(noise):
    net = shake(built(made(Cifar, shortcut=NoShortcut()))).eval()
    facts, arrays = probes.PROBES["unit_shares"](net, noise, image=0)
    assert arrays["branch"] == pytest.approx([facts["difference"]] * 6, rel=0.02)
