"""Where a training broke, and why: the exact step, the layer, the cause; and all that came before."""

import math
import re

import pytest
import torch
import torch.nn.functional as F
from trainings import HOW, run, same

from resnet_edu import nets
from resnet_edu.data import batch_indices, normalise
from resnet_edu.experiment import Cifar
from resnet_edu.training import ComputeChoice, Recording, loop
from resnet_edu.training.diagnosis import Divergence, loss_limit

LAYERS = [
    name
    for name, _ in nets.layers(nets.build(Cifar(depth=8, width=2), channels=1, side=8, classes=10, seed=0))
]


@pytest.fixture
def trainer(tiny, digits):
    """Two good steps done, and a third one that may be spoilt."""
    recording = Recording(every_step=True)
    made = loop.Trainer(tiny(), digits, ComputeChoice.from_dict(HOW), recording, chunk_seconds=0)
    for _ in range(2):
        assert made.next_chunk().diverged is None
    return made


def parameter(trainer, name):
    return trainer.net.get_parameter(name)


def ends(trainer):
    """The block that breaks, and those before it."""
    blocks = []
    while not blocks or (blocks[-1].diverged is None and trainer.done < 6):
        blocks.append(trainer.next_chunk())
    return blocks


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_whose_weights_are_spoilt_is_named(trainer, layer, value):
    with torch.no_grad():
        parameter(trainer, f"{layer}.weight").view(-1)[1] = value
    (block,) = ends(trainer)
    kind = "NaN" if math.isnan(value) else "infinite"
    assert block.diverged == Divergence(2, layer, f"the update of step 1 made its weights {kind}")
    assert str(block.diverged) == (
        f"diverged at step 2, layer {layer}: the update of step 1 made its weights {kind}"
    )


@pytest.mark.parametrize("value", [math.inf, math.nan])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_whose_gradient_is_spoilt_is_named(trainer, layer, value):
    parameter(trainer, f"{layer}.weight").register_hook(lambda gradient: gradient + value)
    blocks = ends(trainer)
    kind = "NaN" if math.isnan(value) else "infinite"
    assert len(blocks) == 2, "the step with the bad gradient, and the one that meets its weights"
    assert blocks[-1].diverged == Divergence(3, layer, f"its gradient was {kind} at step 2")


@pytest.mark.parametrize("name", ["stem.norm.weight", "stages.1.0.branch.norm2.bias", "head.bias"])
def test_norms_and_biases_are_looked_at_too(trainer, name):
    parameter(trainer, name).register_hook(lambda gradient: gradient * math.nan)
    diverged = ends(trainer)[-1].diverged
    assert diverged == Divergence(3, name.rpartition(".")[0], "its gradient was NaN at step 2")


def test_an_output_that_overflows_is_named(trainer):
    with torch.no_grad():
        parameter(trainer, "stages.1.0.branch.norm2.weight").fill_(3e38)
    (block,) = ends(trainer)
    assert (block.diverged.step, block.diverged.layer) == (2, "stages.1.0")
    assert re.fullmatch(
        "its output overflowed to (NaN|infinite); all weights were finite", block.diverged.cause
    )


def test_a_loss_beyond_recovery_is_a_divergence(trainer):
    with torch.no_grad():
        parameter(trainer, "head.weight").mul_(1e6)
    (block,) = ends(trainer)
    loss = block.steps[-1].loss
    assert loss > loss_limit(10)
    assert block.diverged == Divergence(2, "logits", f"the loss grew to {loss:.3g}, all values finite")


@pytest.mark.parametrize(
    ("classes", "limit"), [(10, 1000 * math.log(10)), (2, 1000 * math.log(2)), (1, 693.147)]
)
def test_the_limit_is_a_thousand_times_the_loss_of_guessing(classes, limit):
    assert loss_limit(classes) == pytest.approx(limit)


def by_hand(experiment, data):
    """The losses of PyTorch's own unfused SGD, up to the first that is unusable."""
    recipe = experiment.recipe
    net = nets.build(experiment.net, channels=1, side=8, classes=10, seed=experiment.seed)
    optimizer = torch.optim.SGD(
        net.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay
    )
    losses = []
    for step in range(recipe.steps):
        chosen = batch_indices(step, recipe.batch, len(data.train_labels), experiment.seed)
        loss = F.cross_entropy(net(normalise(data.train_images[chosen], data)), data.train_labels[chosen])
        losses.append(loss.item())
        if not losses[-1] <= 1000 * math.log(10):
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


@pytest.mark.parametrize("chunk_seconds", [0, 1000])
@pytest.mark.parametrize(
    "recipe",
    [
        {"lr": 100, "steps": 20},
        {"lr": 100, "steps": 20, "plain": True, "depth": 20},
        {"lr": 20, "steps": 30},
        {"lr": 1, "weight_decay": 10, "steps": 20},
    ],
)
def test_too_large_a_step_ends_exactly_where_the_loss_breaks(tiny, digits, recipe, chunk_seconds):
    expected = by_hand(tiny(**recipe), digits)
    trained = run(tiny(**recipe), digits, chunk_seconds=chunk_seconds, every_step=True)
    last = len(expected) - 1
    assert 0 < last < recipe["steps"] - 1
    assert (trained.diverged.step, trained.diverged.layer) == (last, "logits")
    assert [row["step"] for row in trained.steps] == list(range(last + 1)), "the bad step too"
    assert trained.losses() == pytest.approx(expected, rel=1e-3)
    assert sorted(trained.norms) == list(range(last)), "no step was made from a bad loss"
    assert all(row.isfinite().all() for row in trained.norms.values())
    assert all(row["step"] <= last for row in trained.evals)


def test_a_broken_training_yields_nothing_more(tiny, digits, train):
    trained = train(tiny(lr=100, steps=20))
    assert max(trained.states) == trained.diverged.step, "the state that the bad step was begun with"
    assert trained.kept == []
    assert trained.evals[0]["step"] == 0


@pytest.mark.parametrize("seconds", [0, 1000])
@pytest.mark.parametrize("recipe", [{"lr": 100}, {"lr": 20, "augment": True}])
def test_where_nobody_looks_at_every_step_the_same_is_found(tiny, digits, monkeypatch, recipe, seconds):
    """A GPU checks losses once per chunk; here the CPU does the same."""
    experiment = tiny(steps=30, **recipe)
    seen = run(experiment, digits, chunk_seconds=seconds, every_step=True)

    class Blind(loop.Trainer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.check_every_step = False

    monkeypatch.setattr(loop, "Trainer", Blind)
    blind = run(experiment, digits, chunk_seconds=seconds, every_step=True)
    assert seen.diverged is not None
    assert blind.diverged == seen.diverged, "step, layer and cause"
    assert blind.numbers()[0] == seen.numbers()[0]
    assert same(blind.norms, seen.norms)
    assert same(blind.end, seen.end)
