"""The net grown by identity units, against a net that is built, filled and run by hand."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from net_variants import built, shake

from resnet_edu.data import normalise
from resnet_edu.experiment import Cifar, Dense, NoShortcut
from resnet_edu.nets import surgery
from resnet_edu.probes import PROBES

deepened = PROBES["deepened"]


@pytest.mark.parametrize("family", [Cifar, Dense])
def test_a_grown_plain_net_has_the_same_loss(family, noise, untouched):
    net = shake(built(family(depth=8, width=4, shortcut=NoShortcut()))).eval()
    untouched(net)
    facts, columns = deepened(net, noise, depth=20, images=16)
    assert columns["depth"].tolist() == [8, 20]
    assert facts["moved"] < 1e-5
    assert facts["moved"] == abs(columns["loss"][1] - columns["loss"][0])
    inputs, labels = normalise(noise.train_images[:16], noise), noise.train_labels[:16]
    with torch.no_grad():
        loss = F.cross_entropy(net(inputs), labels).item()
        wrong = (net(inputs).argmax(1) != labels).float().mean().item()
    assert columns["loss"][0] == pytest.approx(loss, rel=1e-5)
    assert columns["error"][0] == pytest.approx(100 * wrong)


def test_what_moves_is_noticed(noise, monkeypatch):
    net = shake(built(Cifar(depth=8, width=4, shortcut=NoShortcut()))).eval()
    other = shake(built(dataclasses.replace(net.spec, depth=14))).eval()
    monkeypatch.setattr(surgery, "deepen", lambda net, depth: other)
    facts, _ = deepened(net, noise, depth=14, images=16)
    assert facts["moved"] > 1e-3


@pytest.mark.parametrize(("depth", "why"), [(2, "depth is 2; allowed: 8 … 2000"), (9, "6n\\+2 layers")])
def test_a_depth_that_cannot_be(noise, depth, why):
    net = built(Cifar(depth=8, width=4, shortcut=NoShortcut())).eval()
    with pytest.raises(ValueError, match=why):
        deepened(net, noise, depth=depth)
