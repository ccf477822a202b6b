"""The engine against the loop that anyone would write, to the bit; and a step that can be captured."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
import torch.nn.functional as F
from tape import Tape
from trainings import HOW, Trained, inputs_of, run, same

from resnet_edu import nets, training
from resnet_edu.experiment import Cifar, Dense
from resnet_edu.experiment.parts import DropoutShortcut, NoNorm
from resnet_edu.measure import layer_norms
from resnet_edu.randomness import seed_for
from resnet_edu.training import ComputeChoice, Recording, batches, graphs, loop
from resnet_edu.training.graphs import CudaGraphStep

pytestmark = pytest.mark.slow

RECIPES = {
    "plainest": {},
    "augmented": {"augment": True, "warmup": 2, "warmup_lr": 0.02, "drops": (0.4,)},
    "no momentum": {"momentum": 0.0, "weight_decay": 0.0, "batch": 50},
    "strong decay": {"weight_decay": 0.1, "lr": 0.03, "plain": True},
}
NETS = {
    "stochastic depth": Cifar(depth=14, width=2, survival=0.5),
    "dropout": Cifar(depth=8, width=2, shortcut=DropoutShortcut()),
    "dense": Dense(depth=6, width=8),
    "no norm": Cifar(depth=8, width=2, norm=NoNorm()),
}


def obvious(experiment, data, how=HOW):
    """PyTorch's own optimizer, a step at a time, every number asked for at once."""
    recipe, form = experiment.recipe, getattr(torch, how["memory_format"])
    net = nets.build(experiment.net, channels=1, side=8, classes=10, seed=experiment.seed)
    net = net.to(memory_format=form)
    weights = [weight for _, weight in nets.layers(net)]
    optimizer = torch.optim.SGD(
        net.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, fused=True
    )
    losses, norms = [], {}
    for step in range(recipe.steps):
        inputs, labels = inputs_of(experiment, data, step)
        torch.manual_seed(seed_for(experiment.seed, "net", step))
        with torch.autocast("cpu", torch.bfloat16, enabled=how["precision"] == "bfloat16"):
            logits = net(inputs.contiguous(memory_format=form))
        loss = F.cross_entropy(logits.float(), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = recipe.lr_at(step)
        optimizer.step()
        norms[step] = layer_norms(weights, optimizer).flatten()
    return losses, norms, {f"net.{name}": tensor for name, tensor in net.state_dict().items()}


def captured(experiment, data, how=HOW, **recording) -> tuple[Trained, Tape]:
    """As on a GPU: blindly, and replayed from what was captured."""
    made = []

    class Blind(loop.Trainer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            engine, self.check_every_step = self.engine, False
            tape = Tape([*engine._changing(), engine.row, engine.losses, engine.norms])
            engine.run = CudaGraphStep(engine.step, tape)
            made.append(tape)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "Trainer", Blind)
        return run(experiment, data, how=how, **recording), made[0]


def assert_alike(trained, losses, norms, weights):
    assert trained.losses() == losses
    assert same(trained.norms, {step: norms[step] for step in trained.norms})
    assert same({name: trained.end[name] for name in weights}, weights)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("way", [run, captured])
def test_the_engine_is_the_obvious_loop_to_the_bit(tiny, digits, recipe, way):
    experiment = tiny(steps=14, **recipe)
    trained = way(experiment, digits, every_step=True)
    assert_alike(trained[0] if way is captured else trained, *obvious(experiment, digits))


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.parametrize("way", [run, captured])
def test_whatever_the_net_is(tiny, digits, net, way):
    experiment = dataclasses.replace(tiny(steps=12, augment=True, lr=0.01), net=net)
    trained = way(experiment, digits, every_step=True)
    assert_alike(trained[0] if way is captured else trained, *obvious(experiment, digits))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("form", ["contiguous_format", "channels_last"])
@pytest.mark.parametrize("way", [run, captured])
def test_however_it_is_computed(tiny, digits, precision, form, way):
    experiment, how = tiny(steps=10), HOW | {"precision": precision, "memory_format": form}
    trained = way(experiment, digits, how=how, every_step=True)
    assert_alike(trained[0] if way is captured else trained, *obvious(experiment, digits, how))


def test_steps_are_captured_once_with_norms_and_once_without(tiny, digits):
    """Of either kind, the first three warm up what is then captured."""
    trained, tape = captured(tiny(steps=40), digits)
    recorded = Recording().norm_steps(40)
    assert sorted(trained.norms) == sorted(recorded)
    assert 6 < len(recorded) < 34
    assert (tape.captures, tape.replays) == (2, 40 - 2 * graphs.WARM_UP)


def test_what_was_captured_is_told(tiny, digits, monkeypatch):
    assert run(tiny(), digits).resolved == {}
    assert captured(tiny(steps=12), digits)[0].resolved["captured"] is True


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_capture_that_fails_loses_nothing(tiny, digits, monkeypatch, fails_at):
    """Not the run, nor a bit of it; and how.json is told why."""
    capture, seen = Tape.capture, []

    def fails(tape, work):
        seen.append(work)
        if len(seen) < fails_at:
            return capture(tape, work)
        raise RuntimeError("operation not permitted when stream is capturing\nand more of it")

    monkeypatch.setattr(Tape, "capture", fails)
    trained, _ = captured(tiny(steps=40, augment=True), digits)
    whole = run(tiny(steps=40, augment=True), digits)
    assert len(seen) == fails_at, "it is not tried again"
    assert trained.numbers() == whole.numbers()
    assert same(trained.end, whole.end)
    why = "RuntimeError: operation not permitted when stream is capturing"
    assert trained.resolved == {"captured": False, "captured_because": why}


def test_a_step_that_asks_for_a_number_is_not_captured(tiny, digits, monkeypatch):
    monkeypatch.setattr(
        training.engine, "layer_norms", lambda w, sgd: layer_norms(w, sgd) * sgd.param_groups[0]["lr"].item()
    )
    trained, tape = captured(tiny(steps=10), digits)
    assert tape.captures == 0
    assert "not permitted when stream is capturing" in trained.resolved["captured_because"]


def test_draws_that_are_made_ahead_are_those_of_their_steps(tiny, digits, monkeypatch):
    experiment = tiny(steps=40, augment=True)  # blocks of up to ten steps
    whole = run(experiment, digits)
    monkeypatch.setattr(batches, "PREFETCH_STEPS", 3)
    assert run(experiment, digits, chunk_seconds=1000).numbers() == whole.numbers()
    monkeypatch.setattr(training.engine, "MAX_ROWS", 2)
    assert run(experiment, digits, chunk_seconds=1000).numbers() == whole.numbers()


def test_blocks_grow_to_the_time_they_may_take(tiny, digits, monkeypatch):
    monkeypatch.setattr(loop, "evaluation_steps", lambda steps: frozenset())
    lengths = []
    for seconds in (0, 1000):
        states = sorted(run(tiny(steps=9), digits, chunk_seconds=seconds).states)
        lengths.append([b - a for a, b in itertools.pairwise(states)])
    assert lengths == [[1] * 9, [1, 8]]


def test_rows_are_few_where_batches_are_large(tiny):
    assert training.engine.rows_for(tiny(steps=5)) == 5
    assert training.engine.rows_for(tiny(steps=64_000, batch=128)) == 1024
    assert training.engine.rows_for(tiny(steps=64_000, batch=65_536)) == 16


def test_an_engine_goes_back_to_what_it_kept(tiny, digits):
    trainer = loop.Trainer(tiny(), digits, ComputeChoice.from_dict(HOW), Recording())
    trainer.next_chunk()
    trainer.engine.snapshot()
    before = trainer.state_dict()
    trainer.next_chunk()
    assert not same(trainer.state_dict(), before)
    trainer.engine.rollback()
    assert same(trainer.state_dict(), before)


def test_an_error_in_one_line():
    assert graphs.one_line(ValueError("a\nb")) == "ValueError: a"
    assert graphs.one_line(KeyError()) == "KeyError"
