"""α in front of the shortcuts: against copies of the net with these factors built in, and loops."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from net_variants import ALL, built, images, label, shake

from resnet_edu import nets, probes
from resnet_edu.data import normalise
from resnet_edu.experiment import Cifar
from resnet_edu.experiment.parts import NoShortcut, PadShortcut, ScaledShortcut
from resnet_edu.measure import block_gradients
from resnet_edu.nets import surgery
from resnet_edu.probes import gradients, skip_dial
from resnet_edu.randomness import generator_for

RESIDUAL = [net for net in ALL if not net.plain]


SOME = [Cifar(depth=14, width=4), Cifar(depth=8, width=4, shortcut=ScaledShortcut())]


def rebuilt(net, alpha, names):
    """The slow twin: each unit's own factors multiplied, one copy of the net after another."""
    for name in names:
        net = surgery.scale(net, name, shortcut=alpha)
    return net


@pytest.mark.slow
@pytest.mark.parametrize("spec", RESIDUAL, ids=label)
def test_every_kind_of_shortcut_is_turned_down(spec, untouched):
    net, x = shake(built(spec, double=True)).eval(), images(double=True)
    untouched(net)
    names = [name for name, _ in net.units()]
    for chosen in (names, names[1:2]):
        with skip_dial.turned_down(net, 0.3, chosen if chosen != names else ()):
            found = net(x)
        torch.testing.assert_close(found, rebuilt(net, 0.3, chosen)(x), rtol=1e-9, atol=1e-12)
    with skip_dial.turned_down(net, 1.0):
        assert torch.equal(net(x), rebuilt(net, 1.0, ())(x))


@pytest.mark.parametrize(
    "spec", [Cifar(depth=14, width=4), Cifar(depth=8, width=4, shortcut=ScaledShortcut())]
)
@pytest.mark.parametrize("units", [(), "stages.1.0"])
def test_profile_and_error_are_those_of_a_net_rebuilt(spec, units, noise, untouched):
    net = shake(built(spec)).eval()
    untouched(net)
    facts, found = skip_dial.skip_dial(net, noise, alphas=[0, 0.5, 1], units=units, images=20, tested=16)
    assert (facts["images"], facts["tested"], facts["recalibrated_on"]) == (20, 16, 24)
    assert facts["dialled"] == ([units] if units else [])
    x, labels = normalise(noise.train_images[:20], noise), noise.train_labels[:20]
    for i, alpha in enumerate((0, 0.5, 1)):
        twin = rebuilt(net, alpha, [units] if units else [name for name, _ in net.units()]).train()
        loss = F.cross_entropy(twin(x), labels)
        layers = nets.layers(twin)
        for j, gradient in enumerate(torch.autograd.grad(loss, [weight for _, weight in layers])):
            assert found["layer"][j] == layers[j][0]
            assert found["weight_gradient"][i, j] == pytest.approx(gradient.norm().item(), rel=1e-3, abs=1e-7)
        near = block_gradients(twin, x, labels, generator_for(0, "nearby inputs"))
        np.testing.assert_allclose(found["activation_gradient"][i], near.gradient, rtol=1e-3)
        np.testing.assert_allclose(found["correlation"][i], near.correlation, atol=1e-4)
        assert found["batch_loss"][i] == pytest.approx(loss.item(), rel=1e-5)
        for module in twin.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        with torch.no_grad():
            twin(normalise(noise.train_images, noise))
            logits = twin.eval()(normalise(noise.test_images, noise))
        assert found["loss"][i] == pytest.approx(F.cross_entropy(logits, noise.test_labels).item(), rel=1e-3)
        wrong = (logits.argmax(1) != noise.test_labels).double().mean().item()
        assert found["error"][i] == pytest.approx(100 * wrong)


def test_at_one_it_is_the_net_and_at_zero_its_plain_twin(noise):
    spec = Cifar(depth=14, width=4, shortcut=PadShortcut())
    net = shake(built(spec)).eval()
    plain = built(dataclasses.replace(spec, shortcut=NoShortcut())).eval()
    plain.load_state_dict(copy.deepcopy(net.state_dict()))
    _, found = skip_dial.skip_dial(net, noise, alphas=(0, 1), images=20)
    for i, each in enumerate((plain, net)):
        _, layers = gradients.layer_gradients(each, noise, images=20)
        _, units = gradients.gradient_correlations(each, noise, images=20)
        np.testing.assert_allclose(found["weight_gradient"][i], layers["gradient"], rtol=1e-3, atol=1e-7)
        np.testing.assert_allclose(found["activation_gradient"][i], units["gradient"], rtol=1e-3)
        np.testing.assert_allclose(found["correlation"][i], units["nearby"], atol=1e-4)


def test_shapes_and_one_alpha_alone(noise):
    net = built(Cifar(depth=14, width=2)).eval()
    _, grid = skip_dial.skip_dial(net, noise)
    assert grid["weight_gradient"].shape == (len(skip_dial.GRID), 14)
    assert grid["activation_gradient"].shape == grid["correlation"].shape == (len(skip_dial.GRID), 6)
    _, alone = skip_dial.skip_dial(net, noise, alphas=0.5)
    row = skip_dial.GRID.index(0.5)
    for name in ("weight_gradient", "activation_gradient", "correlation", "error", "loss"):
        np.testing.assert_array_equal(
            alone[name][0], grid[name][row], err_msg="no α leaves a trace for the next"
        )


def test_nothing_is_left_when_a_net_breaks_halfway(noise, untouched):
    net = built(Cifar(depth=8, width=2)).eval()
    untouched(net)

    def broken(x):
        raise ZeroDivisionError

    net.pool.forward = broken
    with pytest.raises(ZeroDivisionError):
        skip_dial.skip_dial(net, noise, alphas=0.5)
    with pytest.raises(ZeroDivisionError), skip_dial.turned_down(net, 0.5):
        net(normalise(noise.test_images, noise))


@pytest.mark.parametrize(
    "alphas",
    [
        [],
        [0.5, 0.5],
        [1, 0],
        [-0.1],
        [1.1],
        ["a"],
        "0.5",
        None,
        True,
        [True],
        [float("nan")],
        [0.01 * i for i in range(13)],
    ],
)
def test_what_is_no_grid(alphas, noise):
    with pytest.raises(
        ValueError, match=r"alphas is .*; allowed: one number or a rising list of up to 12, each 0 … 1"
    ):
        skip_dial.skip_dial(built(Cifar(depth=8, width=2)), noise, alphas=alphas)


def test_refusals_say_why(noise):
    with pytest.raises(ValueError, match=r"plain-8 is plain: it has no shortcuts to turn down"):
        probes.answer("fresh:net=plain-8&width=2", "skip_dial", {})
    with pytest.raises(ValueError, match=r"units: there is no unit 'stages.9.0'; units: stages.0.0"):
        skip_dial.skip_dial(built(Cifar(depth=8, width=2)), noise, units="stages.9.0")
    with pytest.raises(ValueError, match="tested is 1"):
        skip_dial.skip_dial(built(Cifar(depth=8, width=2)), noise, tested=1)
