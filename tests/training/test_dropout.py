"""Dropout behind every unit: masks of the seed and the step, in training only, the same in both twins."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from trainings import inputs_of, same

from resnet_edu import nets
from resnet_edu.experiment import Experiment, Recipe
from resnet_edu.experiment.spec import SpecError
from resnet_edu.randomness import seed_for
from resnet_edu.training import simple_loop
from resnet_edu.training.dropout import add_dropout


@pytest.mark.parametrize("plain", [True, False])
def test_it_is_a_mask_behind_every_unit_to_the_bit(train, tiny, digits, plain):
    experiment = tiny(plain=plain, dropout=0.3)
    trained = train(experiment)
    net = nets.build(experiment.net, channels=1, side=8, classes=10, seed=experiment.seed)
    optimizer = torch.optim.SGD(net.parameters(), momentum=0.9, weight_decay=1e-4, fused=True)
    for step, loss in enumerate(trained.losses()):
        inputs, labels = inputs_of(experiment, digits, step)
        torch.manual_seed(seed_for(experiment.seed, "net", step))
        x = net.stem(inputs)
        for _, unit in net.units():
            x = F.dropout(unit(x), 0.3)
        ours = F.cross_entropy(net.head(net.pool(x)), labels)
        assert ours.item() == loss, step
        optimizer.zero_grad()
        ours.backward()
        optimizer.param_groups[0]["lr"] = experiment.recipe.lr_at(step)
        optimizer.step()
    weights = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    assert same({name: trained.end[name] for name in weights}, weights)


def test_evaluations_drop_nothing_and_the_weights_keep_their_names(train, tiny):
    without, strong = train(tiny(steps=1)), train(tiny(steps=1, dropout=0.9))
    assert without.evals[0] == strong.evals[0]
    assert without.blocks[0] == strong.blocks[0]
    assert without.end.keys() == strong.end.keys()
    assert without.losses() != strong.losses()


def test_twins_drop_the_same_values(tiny):
    masks = []
    for plain in (True, False):
        net = nets.build(tiny(plain=plain).net, channels=1, side=8, classes=10, seed=0)
        add_dropout(net, 0.5)
        nets.seed_stochastic_modules(net, 3, 7)
        seen = []
        for _, unit in net.units():
            unit.dropout.register_forward_hook(
                lambda module, x, y, seen=seen: seen.append((y == 0) & (x[0] != 0))
            )
        net.stem.register_forward_hook(lambda module, x, y: torch.ones_like(y))
        for _, unit in net.units():
            unit.after.register_forward_hook(lambda module, x, y: torch.ones_like(y))
        net(torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
        masks.append(seen)
    for one, other in zip(*masks, strict=True):
        assert torch.equal(one, other)
        assert 0.2 < one.float().mean() < 0.8


def test_no_dropout_is_the_default_and_renames_nothing(digits, tiny):
    assert "dropout" not in Experiment().to_json()
    assert Experiment(recipe=Recipe(dropout=0.5)).key != Experiment().key
    assert Experiment.from_query({"dropout": "0.5"}).recipe.dropout == 0.5
    with pytest.raises(SpecError, match="dropout is 1"):
        Recipe(dropout=1.0)
    with pytest.raises(SpecError, match="neither phases nor dropout"):
        next(simple_loop.train(tiny(dropout=0.5), digits))
