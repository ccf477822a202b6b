"""Frozen units keep their bits, all others learn as if by hand, and twins freeze the same units."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from trainings import inputs_of

from resnet_edu import nets
from resnet_edu.experiment import Cifar, Dense, Experiment, Imagenet, Recipe
from resnet_edu.experiment.spec import SpecError
from resnet_edu.training.frozen import frozen_units


def built(experiment, data):
    sizes = {"channels": data.channels, "side": data.side, "classes": data.classes}
    return nets.build(experiment.net, **sizes, seed=experiment.seed)


@pytest.mark.parametrize("plain", [True, False])
def test_the_others_learn_as_in_a_loop_by_hand(train, tiny, digits, plain):
    experiment = tiny(plain=plain, frozen=2, weight_decay=0.01)
    trained = train(experiment)
    net = built(experiment, digits)
    start = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    frozen = frozen_units(net, experiment)
    learning = [
        p for name, p in net.named_parameters() if not name.startswith(tuple(f"{f}." for f in frozen))
    ]
    momenta = [torch.zeros_like(p) for p in learning]
    for step in range(experiment.recipe.steps):
        inputs, labels = inputs_of(experiment, digits, step)
        gradients = torch.autograd.grad(F.cross_entropy(net(inputs), labels), learning)
        with torch.no_grad():
            for p, gradient, momentum in zip(learning, gradients, momenta, strict=True):
                momentum.mul_(0.9).add_(gradient + 0.01 * p)
                p.sub_(experiment.recipe.lr_at(step) * momentum)
    for name, parameter in net.named_parameters():
        end = trained.end[f"net.{name}"]
        if name.startswith(tuple(f"{f}." for f in frozen)):
            assert torch.equal(end, start[name]), name
        else:
            assert torch.allclose(end, parameter, rtol=1e-4, atol=1e-6), name
            assert not torch.equal(end, start[name]), name


def test_frozen_layers_have_no_gradient_and_no_momentum(train, tiny, digits):
    experiment = tiny(frozen=1, steps=2)
    trained = train(experiment)
    net = built(experiment, digits)
    (name,) = frozen_units(net, experiment)
    gradients, _, updates = trained.norms[0].view(3, -1)
    for at, (layer, _) in enumerate(nets.layers(net)):
        assert (gradients[at] == 0) == (updates[at] == 0) == layer.startswith(f"{name}."), layer
    assert not any(key.startswith(f"momentum.{name}.") for key in trained.end)


def test_twins_freeze_the_same_units_and_seeds_others(tiny, digits):
    def chosen(**settings):
        experiment = tiny(depth=56, frozen=9, **settings)
        return frozen_units(built(experiment, digits), experiment)

    assert chosen() == chosen(plain=True)
    assert len(set(chosen())) == 9
    assert chosen() != chosen(seed=1)
    none = tiny()
    assert frozen_units(built(none, digits), none) == []


@pytest.mark.parametrize(
    ("net", "units"), [(Cifar(depth=20), 9), (Dense(depth=50), 24), (Imagenet(depth=50), 16)]
)
def test_more_units_than_there_are_cannot_be_frozen(net, units):
    assert Experiment(net, recipe=Recipe(frozen=units)).key != Experiment(net).key
    with pytest.raises(SpecError, match=f"frozen is {units + 1}; .* has {units} units: 0 … {units}"):
        Experiment(net, recipe=Recipe(frozen=units + 1))


def test_no_frozen_unit_is_the_default_and_renames_nothing():
    assert "frozen" not in Experiment().to_json()
    frozen = dataclasses.replace(Experiment(), recipe=Recipe(frozen=3))
    assert Experiment.from_query(frozen.to_query()) == frozen
    assert Experiment.from_query({"frozen": "3"}) == frozen
