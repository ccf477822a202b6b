"""Gradients, correlations, Jacobians and activations of a net, against autograd and loops."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from net_variants import built, shake

from resnet_edu import nets
from resnet_edu.data import normalise
from resnet_edu.experiment.net import Cifar, Dense
from resnet_edu.experiment.parts import NoShortcut
from resnet_edu.probes import gradients

NETS = {
    "residual": Cifar(depth=14, width=4),
    "plain": Cifar(depth=14, width=4, shortcut=NoShortcut()),
    "preactivated": Cifar(depth=8, width=4, order="full-preactivation"),
    "dense": Dense(depth=8, width=6),
}


@pytest.fixture(params=NETS)
def net(request, untouched):
    stack = shake(built(NETS[request.param])).eval()
    untouched(stack)
    return stack


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_layer_gradients_are_those_of_one_step_by_hand(net, noise, statistics):
    facts, table = gradients.layer_gradients(
        net, noise, images=20, statistics=statistics, lr=0.05, weight_decay=0.01
    )
    twin = copy.deepcopy(net).train(statistics == "batch")
    loss = F.cross_entropy(twin(normalise(noise.train_images[:20], noise)), noise.train_labels[:20])
    layers = nets.layers(twin)
    found = torch.autograd.grad(loss, [weight for _, weight in layers])
    assert facts["loss"] == pytest.approx(loss.item(), rel=1e-5)
    for i, ((name, weight), gradient) in enumerate(zip(layers, found, strict=True)):
        update = 0.05 * (gradient + 0.01 * weight).norm().item()
        assert table["name"][i] == name
        assert table["gradient"][i] == pytest.approx(gradient.norm().item(), rel=1e-4, abs=1e-9)
        assert table["weight"][i] == pytest.approx(weight.norm().item(), rel=1e-5)
        assert table["update"][i] == pytest.approx(update, rel=1e-4)
        assert table["ratio"][i] == pytest.approx(update / weight.norm().item(), rel=1e-4)


def at_outputs(net, inputs, labels):
    """Each unit's output gradient, [N, …] by name, caught by hooks."""
    outputs = {}

    def keep(name, y):
        y.retain_grad()
        outputs[name] = y

    hooks = [unit.register_forward_hook(lambda m, x, y, n=name: keep(n, y)) for name, unit in net.units()]
    F.cross_entropy(net(inputs), labels).backward()
    for hook in hooks:
        hook.remove()
    return {name: y.grad.flatten(1) for name, y in outputs.items()}


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_correlations_are_those_of_a_loop_over_pairs(net, noise, statistics):
    _, table = gradients.gradient_correlations(net, noise, images=9, statistics=statistics)
    twin = copy.deepcopy(net).train(statistics == "batch")
    labels = noise.train_labels[:9]
    found = at_outputs(twin, normalise(noise.train_images[:9], noise), labels)
    for i, (name, gradient) in enumerate(found.items()):
        cosines = {
            (a, b): F.cosine_similarity(gradient[a], gradient[b], dim=0, eps=1e-30).item()
            for a in range(9)
            for b in range(a)
        }
        same = [cosine for (a, b), cosine in cosines.items() if labels[a] == labels[b]]
        assert table["name"][i] == name
        assert table["gradient"][i] == pytest.approx(gradient.norm().item(), rel=1e-4)
        assert table["examples"][i] == pytest.approx(np.mean(list(cosines.values())), abs=1e-5)
        assert table["same_class"][i] == pytest.approx(np.mean(same), abs=1e-5)
        assert len(same) == 9
        assert -1 <= table["nearby"][i] <= 1


def test_one_image_of_each_class_leaves_no_pair_of_one_class(noise):
    _, table = gradients.gradient_correlations(shake(built(Cifar(depth=8, width=4))), noise, images=3)
    assert np.isnan(table["same_class"]).all()
    assert np.isfinite(table["examples"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_the_estimated_jacobian_is_within_its_error_of_the_whole_one(net, noise, statistics):
    facts, table = gradients.jacobians(net, noise, images=2, samples=60, statistics=statistics)
    twin = copy.deepcopy(net).train(statistics == "batch")
    inputs = normalise(noise.train_images[:2], noise)
    for i, (name, _) in enumerate(net.units()):
        whole = torch.autograd.functional.jacobian(
            lambda x, n=name: twin.forward_intermediates(x).intermediates[n], inputs
        )
        norm = (whole.square().sum() / 2).sqrt().item()  # root mean square over the two images
        assert abs(table["norm"][i] - norm) < 4.5 * table["norm_se"][i]
        assert table["norm_se"][i] < 0.2 * norm
        assert table["growth"][i] == pytest.approx(table["norm"][i] / (2 * 8 * 8) ** 0.5, rel=1e-5)
    assert facts["samples"] == 60


def test_activations_by_a_loop_and_a_channel_that_died(noise):
    net = shake(built(Cifar(depth=8, width=4))).eval()
    branch = dict(net.units())["stages.1.0"].branch
    with torch.no_grad():
        branch.norm1.bias[2] = -100
    _, table = gradients.activations(net, noise, images=12, statistics="running")
    outputs = {}
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_hook(lambda m, x, y, n=name: outputs.update({n: y}))
    with torch.no_grad():
        net(normalise(noise.train_images[:12], noise))
    assert table["name"].tolist() == list(outputs), "in the order of the forward pass"
    for i, (name, y) in enumerate(outputs.items()):
        dead = [not y[:, channel].any() for channel in range(y.shape[1])]
        assert table["mean"][i] == pytest.approx(y.double().mean().item(), rel=1e-5)
        assert table["sd"][i] == pytest.approx(y.double().std().item(), rel=1e-5)
        assert table["zero"][i] == pytest.approx(100 * (y == 0).double().mean().item())
        assert table["dead"][i] == pytest.approx(100 * np.mean(dead))
        if name == "stages.1.0.branch.relu1":
            assert table["dead"][i] >= 100 / 8


@pytest.mark.parametrize(
    ("question", "asked", "message"),
    [
        (gradients.layer_gradients, {"lr": -1}, "lr is -1; allowed: 0 …"),
        (gradients.layer_gradients, {"weight_decay": "small"}, "weight_decay is 'small'; allowed: 0 …"),
        (gradients.layer_gradients, {"lr": float("inf")}, "lr is inf; allowed: 0 …"),
        (gradients.jacobians, {"samples": 1}, "samples is 1; allowed: 2 … 10000"),
        (gradients.gradient_correlations, {"seed": -1}, "seed is -1; allowed: 0 …"),
        (gradients.activations, {"images": 1.5}, "images is 1.5; allowed: 2 …"),
        (gradients.activations, {"statistics": "mine"}, "statistics is 'mine'; allowed: running, batch"),
    ],
)
def test_what_cannot_be_asked(noise, question, asked, message):
    with pytest.raises(ValueError, match=message):
        question(built(Cifar(depth=8, width=4)).eval(), noise, **asked)
