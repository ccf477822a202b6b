"""How nets start: four distributions, zero branches, gates' biases, and random draws by seed and step."""

import math

import pytest
import torch
from net_variants import built, images, made
from torch import nn
from torch.nn.functional import cross_entropy

from resnet_edu import data, nets, training
from resnet_edu.experiment import Digits, Experiment, Recipe
from resnet_edu.experiment.net import INITS, ORDERS, Cifar, Dense
from resnet_edu.experiment.parts import (
    DropoutShortcut,
    ExclusiveGate,
    Highway,
    NoNorm,
    PadShortcut,
    ShortcutGate,
)
from resnet_edu.measure import preserve_bn_stats
from resnet_edu.nets.shortcuts import Gate
from resnet_edu.nets.units import Add, ScaledAdd, StochasticAdd


def wide(kind, init):
    return nets.build(kind(depth=8, width=48, init=init), channels=3, side=8, classes=10, seed=0)


@pytest.mark.parametrize("kind", [Cifar, Dense])
def test_initial_weights_have_the_spread_they_should(kind):
    spread = {
        "he": lambda fan_in, fan_out: math.sqrt(2 / fan_in),
        "xavier": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
        "small-normal": lambda fan_in, fan_out: 0.01,
    }
    for init, std in spread.items():
        for name, weight in nets.layers(wide(kind, init)):
            fan_in = weight[0].numel()
            fan_out = weight[:, 0].numel()
            assert weight.std().item() == pytest.approx(std(fan_in, fan_out), rel=0.15), (init, name)
    for name, weight in nets.layers(wide(kind, "orthogonal")):
        rows = weight.detach().flatten(1)
        rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
        torch.testing.assert_close(rows @ rows.T, 2 * torch.eye(len(rows)), rtol=1e-4, atol=1e-4, msg=name)


@pytest.mark.parametrize("order", [order for order in ORDERS if order != "relu-before-addition"])
@pytest.mark.parametrize("norm", [None, NoNorm()])
@pytest.mark.parametrize("kind", [Cifar, Dense])
def test_zero_last_starts_every_branch_at_zero_and_lets_it_learn(kind, norm, order):
    net = made(kind, order=order, zero_last=True, **({"norm": norm} if norm else {}))
    stack, seen = built(net), []
    for _, unit in stack.units():
        unit.branch.register_forward_hook(lambda m, i, y: seen.append(y))
    logits = stack(images(8))
    assert all(not bool(y.any()) for y in seen)
    assert len(seen) == len(stack.units())
    cross_entropy(logits, torch.arange(8) % 3).backward()
    for _, unit in stack.units():
        assert any(bool(p.grad.any()) for p in unit.branch.parameters())


def test_gates_start_at_their_bias():
    for shortcut in (ExclusiveGate(bias=-6), ShortcutGate(bias=-2.5), Highway(bias=-3)):
        gates = [m for m in built(made(Cifar, shortcut=shortcut)).modules() if isinstance(m, Gate)]
        assert len(gates) == 6
        assert all(bool((gate.layer.bias == shortcut.bias).all()) for gate in gates)


def test_survival_falls_linearly_to_the_last_unit():
    stack = built(Cifar(depth=32, width=2, survival=0.5))
    chances = [unit.add.survival for _, unit in stack.units()]
    assert chances == pytest.approx([1 - i / 15 * 0.5 for i in range(1, 16)])


def test_a_dropped_branch_adds_nothing_and_learns_nothing():
    for survival, factor in ((0.0, 0.0), (1.0, 1.0)):
        add = StochasticAdd(Add(), survival).train()
        h, f = torch.randn(2, 3), torch.randn(2, 3, requires_grad=True)
        y = add(h, f)
        y.sum().backward()
        assert torch.equal(y, h + factor * f)
        assert torch.equal(f.grad, torch.full_like(f, factor))


def test_in_eval_mode_the_branch_counts_by_its_chance():
    add = StochasticAdd(ScaledAdd(0.5, 2.0), 0.25)
    h, f = torch.randn(2, 3), torch.randn(2, 3)
    torch.testing.assert_close(add.eval()(h, f), 0.5 * h + 2 * 0.25 * f)
    torch.manual_seed(0)
    drawn = torch.stack([add.train()(h, f) for _ in range(4000)])
    torch.testing.assert_close(drawn.mean(0), add.eval()(h, f), rtol=0.1, atol=0.1)


@pytest.mark.parametrize("settings", [{"survival": 0.5}, {"shortcut": DropoutShortcut()}])
def test_draws_follow_from_seed_and_step(settings):
    stack, x = built(made(Cifar, **settings)), images()

    def logits(seed, step):
        nets.seed_stochastic_modules(stack, seed, step)
        return stack(x)

    assert torch.equal(logits(0, 1), logits(0, 1))
    different = {tuple(logits(seed, step).flatten().tolist()) for seed in range(4) for step in range(4)}
    assert len(different) > 3
    assert nets.stochastic_modules(stack)


def test_a_net_that_draws_nothing_leaves_the_global_generator_alone():
    stack = built(Cifar(depth=8, width=2))
    state = torch.get_rng_state()
    nets.seed_stochastic_modules(stack, 0, 5)
    assert torch.equal(torch.get_rng_state(), state)
    assert nets.stochastic_modules(stack) == []


@pytest.mark.parametrize(
    "settings",
    [{}, {"survival": 0.5}, {"shortcut": DropoutShortcut()}, {"order": "full-preactivation"}],
    ids=str,
)
def test_checkpointing_changes_no_number(settings):
    """Logits, gradients and running statistics, which the second pass must not move again."""
    results = []
    for checkpointed in (False, True):
        stack = built(made(Cifar, **({"shortcut": PadShortcut()} | settings)))
        stack.activation_checkpointing = checkpointed
        for step in range(2):
            nets.seed_stochastic_modules(stack, 0, step)
            stack.zero_grad()
            logits = stack(images(seed=step))
            cross_entropy(logits, torch.tensor([0, 1, 2])).backward()
        gradients = [parameter.grad for parameter in stack.parameters()]
        results.append([logits, *gradients, *stack.state_dict().values()])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_checkpointing_recomputes_only_where_gradients_are_asked():
    calls = []
    stack = built(Cifar(depth=8, width=2))
    stack.activation_checkpointing = True
    stack.stages[0][0].branch.register_forward_hook(lambda *_: calls.append(1))
    stack(images()).sum().backward()
    assert len(calls) == 2
    with torch.no_grad():
        stack(images())
    stack.eval()(images()).sum().backward()
    assert len(calls) == 4


def test_all_inits_are_tested_here():
    assert set(INITS) == {"he", "xavier", "small-normal", "orthogonal"}
    with pytest.raises(ValueError, match="init is 'zeros'; allowed: he, xavier, small-normal, orthogonal"):
        nets.initial.initialise(nn.Linear(2, 2), 0, "zeros")


@pytest.mark.parametrize("settings", [{"survival": 0.5}, {"shortcut": DropoutShortcut()}])
def test_a_net_is_measured_without_its_draws(settings):
    stack = built(made(Cifar, **settings))
    with preserve_bn_stats(stack, training=True):
        assert torch.equal(stack(images()), stack(images()))
    assert all(module.training for module in stack.modules())


def test_training_with_draws_is_the_same_whatever_was_drawn_before():
    net = Cifar(depth=8, width=2, survival=0.5)
    experiment = Experiment(net, Digits(train=64), Recipe(steps=4, batch=8))
    images = data.load(experiment.data)
    how = training.choose(experiment, channels=1, side=8, classes=10, device="cpu")
    ends = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        *_, last = training.train(experiment, images, how)
        ends.append(last.state_dict())
    assert all(torch.equal(ends[0][name], tensor) for name, tensor in ends[1].items())
