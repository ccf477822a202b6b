"""Greedy training against a loop by hand, to the bit; and what resumes, evaluates and is refused."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from trainings import inputs_of, same

from resnet_edu import nets
from resnet_edu.experiment import Cifar, Dense, Experiment, NoShortcut, PadShortcut, Plateau, Recipe
from resnet_edu.experiment.spec import SpecError
from resnet_edu.training import Checkpoint, loop, simple_loop
from resnet_edu.training.phases import units_of, whole_net


@pytest.fixture
def greedy(tiny):
    """Nine steps of a dense net of four units: two phases of two units each, then one for all."""

    def experiment(plain=True, **recipe):
        shortcut = NoShortcut() if plain else PadShortcut()
        dense = dataclasses.replace(tiny(), net=Dense(depth=10, width=8, shortcut=shortcut))
        phases = {"steps": 9, "batch": 16, "greedy": 2} | recipe
        return dataclasses.replace(dense, recipe=Recipe(**phases))

    return experiment


def by_hand(experiment, data):
    """Three blocks of code for three phases; PyTorch's own optimizer skips what has no gradient."""
    net = nets.build(experiment.net, channels=1, side=8, classes=10, seed=experiment.seed)
    recipe, units = experiment.recipe, [unit for _, unit in net.units()]
    optimizer = torch.optim.SGD(net.parameters(), momentum=0.9, weight_decay=recipe.weight_decay, fused=True)
    for parameter in net.parameters():  # PyTorch's fused SGD takes no parameter that joins later without one
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    losses = []

    def step(number, rate, present, learning):
        inputs, labels = inputs_of(experiment, data, number)
        net.requires_grad_(False)
        for part in learning:
            part.requires_grad_(True)
        x = net.stem(inputs)
        for unit in present:
            x = unit(x)
        loss = F.cross_entropy(net.head(net.pool(x)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        losses.append(loss.item())

    rates = (recipe.lr, recipe.lr, recipe.lr * 0.1)  # it falls after half of each phase's three steps
    for number in range(3):
        step(number, rates[number], units[:2], [net.stem, *units[:2], net.head])
    for number in range(3):
        step(3 + number, rates[number], units, [*units[2:], net.head])
    for number in range(3):
        step(6 + number, rates[number], units, [net.stem, *units, net.head])
    return losses, {f"net.{name}": tensor for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize("plain", [True, False])
def test_it_is_the_loop_by_hand_to_the_bit(train, greedy, digits, plain):
    experiment = greedy(plain, drops=(0.5,))
    trained, (losses, weights) = train(experiment), by_hand(experiment, digits)
    assert trained.losses() == losses
    assert same({name: trained.end[name] for name in weights}, weights)
    with pytest.raises(SpecError, match="the simple loop has neither phases nor dropout"):
        next(simple_loop.train(experiment, digits))


def test_a_resumed_training_ends_with_the_same_bits(train, greedy):
    experiment = greedy()
    whole = train(experiment)
    for stopped in (2, 3, 4, 6, 8):
        rest = train(experiment, resume=Checkpoint(whole.states[stopped], stopped, 1.0))
        assert same(rest.end, whole.end), stopped
        assert rest.losses() == whole.losses()[stopped:]
        assert rest.evals == [row for row in whole.evals if row["step"] > stopped]
        assert rest.blocks == [row for row in whole.blocks if row["step"] > stopped]


def test_old_units_keep_their_bits_while_new_ones_learn(train, greedy):
    states = train(greedy()).states
    for name, tensor in states[3].items():
        moves = not torch.equal(tensor, states[6][name])
        old = name.startswith(("net.stem", "net.stages.0.0.", "net.stages.0.1."))
        statistics = "running" in name or "num_batches" in name
        if not statistics and not name.startswith("momentum."):
            assert moves != old, name


def test_rows_of_a_growing_net_have_all_units(train, greedy):
    trained = train(greedy())
    assert all(len(row["names"]) == 4 for row in trained.blocks)
    gradients = trained.norms[0].view(3, -1)[0]
    assert (gradients == 0).tolist() == [False] * 5 + [True] * 4 + [False], (
        "stem and 4 layers, 4 to come, head"
    )


def test_the_whole_net_comes_back_as_it_was(digits, greedy):
    net = nets.build(greedy().net, channels=1, side=8, classes=10, seed=0)
    net.active_units = 1
    net.stem.requires_grad_(False)
    with whole_net(net):
        assert net.active_units is None
        assert all(p.requires_grad for p in net.parameters())
    assert net.active_units == 1
    assert [p.requires_grad for p in net.stem.parameters()] == [False] * 3


def test_phases_share_steps_and_units():
    recipe = Recipe(steps=10, greedy=2, drops=(0.5,), lr=1.0)
    assert [recipe.phase_at(step) for step in range(10)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert [recipe.lr_at(step) for step in range(6)] == pytest.approx([1, 1, 0.1, 1, 1, 0.1])
    assert [list(units_of(recipe, phase, 5)) for phase in range(3)] == [[0, 1], [2, 3, 4], [0, 1, 2, 3, 4]]
    assert Recipe(steps=10).lr_at(5) == Recipe(steps=10).lr * 0.1


@pytest.mark.parametrize(
    ("net", "recipe", "why"),
    [
        (Cifar(), {"greedy": 2}, "greedy training takes a dense net"),
        (Dense(depth=6), {"greedy": 3}, "greedy is 3; dense-resnet-6 has 2 units: 0 … 2"),
        (Dense(), {"greedy": 2, "frozen": 1}, "they do not go together"),
        (Dense(), {"greedy": 2, "schedule": Plateau()}, "they do not go together"),
        (Dense(), {"greedy": 2, "steps": 2}, "steps is 2; 2 greedy phases and the last take more"),
    ],
)
def test_what_cannot_be_greedy_is_refused(net, recipe, why):
    with pytest.raises(SpecError, match=why):
        Experiment(net, recipe=Recipe(**recipe))


def test_several_processes_are_refused(greedy, digits):
    from types import SimpleNamespace

    from trainings import HOW

    from resnet_edu.training import ComputeChoice, Recording

    group = SimpleNamespace(world_size=2, shard=lambda batch: slice(0, batch), wrap_ddp=lambda net: net)
    with pytest.raises(SpecError, match="greedy training takes one process"):
        loop.Trainer(greedy(), digits, ComputeChoice.from_dict(HOW), Recording(), group)
