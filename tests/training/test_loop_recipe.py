"""The recipe, against a loop written out by hand; and that twins are twins."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from trainings import HOW, inputs_of, run

from resnet_edu import nets
from resnet_edu.data import batch_indices, draw_augmentation, load, normalise
from resnet_edu.experiment import Cifar10, Dense, ProjectionShortcut
from resnet_edu.training import batches as batches_of_a_step


def by_hand(experiment, data, form="contiguous_format"):
    """SGD with momentum in four lines, in double precision where it adds up."""
    recipe, net = experiment.recipe, experiment.net
    made = nets.build(net, channels=data.channels, side=data.side, classes=data.classes, seed=experiment.seed)
    made = made.to(memory_format=getattr(torch, form))
    moves = {name: torch.zeros_like(p) for name, p in made.named_parameters()}
    for step in range(recipe.steps):
        inputs, labels = inputs_of(experiment, data, step)
        loss = F.cross_entropy(made(inputs), labels)
        gradients = torch.autograd.grad(loss, list(made.parameters()))
        with torch.no_grad():
            for (name, p), gradient in zip(made.named_parameters(), gradients, strict=True):
                moves[name] = recipe.momentum * moves[name] + gradient + recipe.weight_decay * p
                p -= recipe.lr_at(step) * moves[name]
    return made.state_dict()


@pytest.mark.parametrize("form", ["contiguous_format", "channels_last"])
@pytest.mark.parametrize(
    "recipe", [{}, {"augment": True}, {"momentum": 0.0}, {"weight_decay": 0.1, "warmup": 1, "batch": 48}]
)
def test_it_is_the_recipe(train, tiny, digits, recipe, form):
    experiment = tiny(steps=4, lr=0.02, **recipe)
    found = train(experiment, how=HOW | {"memory_format": form}).end
    for name, tensor in by_hand(experiment, digits, form).items():
        torch.testing.assert_close(found[f"net.{name}"], tensor, rtol=1e-4, atol=1e-5)


def test_the_learning_rate_that_is_written_is_the_one_that_is_used(train, tiny):
    """Without momentum and decay, an update is the learning rate times the gradient."""
    recipe = {"momentum": 0.0, "weight_decay": 0.0, "warmup": 2, "warmup_lr": 0.5, "drops": (0.5, 0.75)}
    trained = train(tiny(steps=8, lr=0.1, **recipe), every_step=True)
    expected = [0.5, 0.5, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    assert [row["lr"] for row in trained.steps] == pytest.approx(expected)
    for step, lr in enumerate(expected):
        gradient, _, update = trained.norms[step].view(3, -1)
        torch.testing.assert_close(update, lr * gradient, rtol=1e-5, atol=0)


def test_the_loss_is_that_of_the_step_s_batch_before_the_step(train, tiny, digits):
    trained = train(tiny(steps=2))
    net = nets.build(tiny().net, channels=1, side=8, classes=10, seed=0)
    chosen = batch_indices(0, 16, 64, 0)
    loss = F.cross_entropy(net(normalise(digits.train_images[chosen], digits)), digits.train_labels[chosen])
    assert trained.losses()[0] == loss.item()


@pytest.fixture
def batches(monkeypatch):
    """What the loop asked for: which images, and how they were cropped and flipped."""
    seen = []

    def chosen(*arguments):
        indices = batch_indices(*arguments)
        seen.append(indices)
        return indices

    def drawn(*arguments):
        draws = draw_augmentation(*arguments)
        seen.extend(draws)
        return draws

    monkeypatch.setattr(batches_of_a_step, "batch_indices", chosen)
    monkeypatch.setattr(batches_of_a_step, "draw_augmentation", drawn)
    return seen


def test_twins_see_the_same_batches(train, tiny, batches):
    train(tiny(augment=True))
    residual, batches[:] = list(batches), []
    train(tiny(augment=True).twin())
    assert len(residual) == len(batches) == 3 * 6
    assert all(torch.equal(one, other) for one, other in zip(residual, batches, strict=True))


@pytest.mark.parametrize("shortcut", [None, ProjectionShortcut()])
def test_twins_begin_with_the_same_weights(train, tiny, shortcut):
    residual = tiny()
    if shortcut:
        residual = dataclasses.replace(residual, net=dataclasses.replace(residual.net, shortcut=shortcut))
    with_shortcut, without = train(residual).states[0], train(residual.twin()).states[0]
    extra = with_shortcut.keys() - without.keys()
    assert without.keys() <= with_shortcut.keys()
    assert all(".shortcut." in name for name in extra)
    assert bool(extra) == bool(shortcut)
    assert all(torch.equal(with_shortcut[name], tensor) for name, tensor in without.items())


def test_an_evaluation_tells_the_errors_of_the_net_as_it_is(train, tiny, digits):
    trained = train(tiny())
    assert [row["step"] for row in trained.evals] == [0, 2, 3, 4, 6]
    last = trained.evals[-1]
    net = nets.build(tiny().net, channels=1, side=8, classes=10, seed=9)
    net.load_state_dict({n.removeprefix("net."): t for n, t in trained.end.items() if n.startswith("net.")})
    for mode, images, labels, error, loss in (
        (False, digits.train_images, digits.train_labels, "train_error", "train_loss"),
        (False, digits.test_images, digits.test_labels, "test_error", "test_loss"),
    ):
        with torch.no_grad():
            logits = net.train(mode)(normalise(images, digits))
        assert last[error] == pytest.approx(100 * (logits.argmax(1) != labels).double().mean().item())
        assert last[loss] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-4)
    wrong = 0
    for images, labels in zip(digits.train_images.split(16), digits.train_labels.split(16), strict=True):
        wrong += (net.train()(normalise(images, digits)).argmax(1) != labels).sum().item()
    assert last["train_error_batch"] == pytest.approx(100 * wrong / 64)
    assert last["images"] == 64


def test_before_the_end_only_some_images_are_evaluated(tiny, train):
    trained = train(tiny(train=1500, steps=2, batch=64), images=load(tiny(train=1500).data))
    assert [row["images"] for row in trained.evals] == [512, 512, 1500]


def test_block_gradients_are_recorded_with_each_evaluation(train, tiny):
    trained = train(tiny())
    assert [row["step"] for row in trained.blocks] == [row["step"] for row in trained.evals]
    for row in trained.blocks:
        assert row["names"] == ["stages.0.0", "stages.1.0", "stages.2.0"]
        assert all(value > 0 for value in row["gradient"])
        assert all(-1 <= value <= 1 for value in row["correlation"])


def test_colour_images_are_augmented_and_learnt(tiny, monkeypatch):
    """CIFAR-10's shape, with stripes for classes: 3 channels, 16×16, cropped and flipped."""
    from resnet_edu.data.dataset import DataSet, statistics

    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 10
    images = torch.randint(60, (40, 3, 16, 16), generator=generator, dtype=torch.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label % 3, :: 1 + label // 2] += 150
    colours = DataSet(images, labels, images[:20], labels[:20], tuple("abcdefghij"), *statistics(images))
    experiment = dataclasses.replace(tiny(steps=40, batch=20, width=4, augment=True), data=Cifar10(side=16))
    trained = run(experiment, colours)
    assert trained.diverged is None
    assert trained.losses()[-1] < 0.6 * trained.losses()[0]
    still = dataclasses.replace(experiment, recipe=dataclasses.replace(experiment.recipe, augment=False))
    assert run(still, colours).losses()[1] != trained.losses()[1]


def test_dense_nets_are_trained_too(train, tiny):
    experiment = dataclasses.replace(tiny(steps=30, lr=0.05, batch=32), net=Dense(depth=6, width=16))
    trained = train(experiment)
    assert trained.losses()[-1] < 0.5 * trained.losses()[0]
    assert len(trained.norms[0]) == 3 * 6
