"""Gradients at nearby inputs against two autograd calls; and that shattering is seen where it must be."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from net_variants import built, made, shake

from resnet_edu import probes
from resnet_edu.data import normalise
from resnet_edu.experiment.net import Cifar
from resnet_edu.probes.smoothness import nudges
from resnet_edu.runs import recorded


def test_a_cosine_is_that_of_two_gradients(noise, untouched):
    net = shake(built(made(Cifar))).eval()
    untouched(net)
    facts, arrays = probes.PROBES["smoothness"](net, noise, count=5, seed=3)
    inputs, labels = normalise(noise.test_images[:5], noise), noise.test_labels[:5]
    moved = inputs + nudges(inputs, 3)
    slow = []
    for i, label in enumerate(labels.tolist()):
        pair = []
        for each in (inputs[i], moved[i]):
            pixels = each[None].clone().requires_grad_()
            pair.append(torch.autograd.grad(net(pixels)[0, label], pixels)[0].flatten())
        slow.append(F.cosine_similarity(*pair, dim=0).item())
    assert arrays["cosine"] == pytest.approx(slow, rel=1e-4, abs=1e-5)
    assert facts["mean"] == pytest.approx(np.mean(slow), rel=1e-4)
    assert facts["sd"] == pytest.approx(np.std(slow, ddof=1), rel=1e-3)


def test_a_move_is_a_hundredth_of_the_image_s_own_length():
    images = torch.rand(4, 3, 6, 6) * torch.tensor([1.0, 5, 0.1, 2]).view(-1, 1, 1, 1)
    lengths = (nudges(images, 0).flatten(1).norm(dim=1) / images.flatten(1).norm(dim=1)).tolist()
    assert lengths == pytest.approx([0.01] * 4)
    assert torch.equal(nudges(images, 0), nudges(images, 0))
    assert not torch.equal(nudges(images, 0), nudges(images, 1))


def test_one_image_has_no_spread_and_there_are_as_many_as_there_are(noise):
    net = built(made(Cifar)).eval()
    assert probes.PROBES["smoothness"](net, noise, count=1)[0]["sd"] is None
    assert probes.PROBES["smoothness"](net, noise)[0]["count"] == len(noise.test_labels) < 128


def test_deep_plain_nets_begin_shattered_and_residual_ones_do_not():
    """Balduzzi 2017, on the digits runs that ship, before their first step."""
    runs = {run.name: run for run in recorded().runs() if run.experiment.data.kind == "digits"}
    seen = {
        (name.split("-s")[0], run.experiment.seed): probes.answer(run, "smoothness", {"step": 0})[0]["mean"]
        for name, run in runs.items()
    }
    for seed in range(3):
        plain, residual = (
            [seen[f"{net}-{depth}-digits", seed] for depth in (8, 20, 56)] for net in ("plain", "resnet")
        )
        assert plain[0] > 0.9 > plain[1] > 0.5 > 0.1 > plain[2]
        assert min(residual) > 0.8
