"""Training on photographs that stay on disk: the recipe, and the same bits by any number of workers."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from pictures import folder_of_jpegs
from trainings import HOW, Trained, run, same

from resnet_edu import nets
from resnet_edu.data import StreamedSet, batch_indices, load, normalise
from resnet_edu.data.colours import draw_lighting
from resnet_edu.experiment import Cifar, Experiment, ImageFolder, Jitter, Plateau, Recipe
from resnet_edu.training import Checkpoint, ComputeChoice
from resnet_edu.training.batches import make_batches

pytestmark = pytest.mark.slow

EXPERIMENT = Experiment(
    Cifar(depth=8, width=4),
    ImageFolder(side=16, view=Jitter()),
    Recipe(steps=6, batch=8, lr=0.02, schedule=Plateau(window=0.4)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return folder_of_jpegs(tmp_path_factory.mktemp("photographs") / "jpegs", train=20, test=5)


def streamed(folder: Path, workers: int = 0) -> StreamedSet:
    found = load(dataclasses.replace(EXPERIMENT.data, path=str(folder)), workers=workers)
    assert isinstance(found, StreamedSet)
    return found


@pytest.fixture
def train(folder):
    return functools.partial(run, EXPERIMENT, streamed(folder), chunk_seconds=0)


def net_at_end(trained: Trained) -> nets.ResNet:
    net = nets.build(EXPERIMENT.net, channels=3, side=16, classes=2, seed=0)
    net.load_state_dict({n.removeprefix("net."): t for n, t in trained.end.items() if n.startswith("net.")})
    return net.eval()


def test_it_is_the_recipe(train, folder):
    """Batches, loss and SGD with momentum, written out."""
    found, recipe = train(), EXPERIMENT.recipe
    net = nets.build(EXPERIMENT.net, channels=3, side=16, classes=2, seed=0)
    source = make_batches(EXPERIMENT, streamed(folder), torch.contiguous_format, 6)
    source.begin(0, 6)
    moves = [torch.zeros_like(weight) for weight in net.parameters()]
    for row in found.steps:
        source.prefetch(row["step"])
        inputs, labels = source.get(torch.tensor([row["step"]]))
        loss = F.cross_entropy(net(inputs), labels)
        assert row["loss"] == pytest.approx(loss.item(), rel=1e-3)
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for move, weight, gradient in zip(moves, net.parameters(), gradients, strict=True):
                move.mul_(recipe.momentum).add_(gradient + recipe.weight_decay * weight)
                weight -= row["lr"] * move
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(found.end[f"net.{name}"], tensor, rtol=1e-3, atol=1e-4)


def test_a_batch_is_normalised_lit_and_labelled(folder):
    """Image by image; and asked for again, from another beginning."""
    data = streamed(folder)
    source = make_batches(EXPERIMENT, data, torch.channels_last, 6)
    for first, row in ((0, 0), (0, 1), (0, 2), (2, 0), (1, 3)):
        source.begin(first, 6)
        source.prefetch(row)
        inputs, labels = source.get(torch.tensor([row]))
        assert inputs.is_contiguous(memory_format=torch.channels_last)
        step = first + row
        chosen = batch_indices(step, 8, 40, 0)
        assert torch.equal(labels, data.train_labels[chosen])
        views = data.training_batches(8, 0, 6)(step).double() / 255
        shifts = draw_lighting(8, 0.1, data.components, 0, step).double()
        for view, shift, found in zip(views, shifts, inputs.double(), strict=True):
            expected = (view + shift.view(3, 1, 1) - data.mean.double()) / data.scale
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_it_learns(folder):
    recipe = dataclasses.replace(EXPERIMENT.recipe, steps=30, lr=0.05)
    trained = run(dataclasses.replace(EXPERIMENT, recipe=recipe), streamed(folder))
    assert trained.diverged is None
    assert sum(trained.losses()[-5:]) < 0.6 * sum(trained.losses()[:5])


def test_errors_are_those_of_the_centre_crops(train, folder):
    last, data = train().evals[-1], streamed(folder)
    net = net_at_end(train())
    for images, labels, which in (
        (data.train_images, data.train_labels, "train"),
        (data.test_images, data.test_labels, "test"),
    ):
        with torch.no_grad():
            logits = net(normalise(images[:], data))
        assert last[f"{which}_error"] == pytest.approx(
            100 * (logits.argmax(1) != labels).double().mean().item()
        )
        assert last[f"{which}_loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-3)


def test_ten_crops_are_looked_at_once_at_the_end(train, folder):
    trained, data = train(), streamed(folder)
    assert ["test_error_10_crops" in row for row in trained.evals] == [False] * 4 + [True]
    net, wrong = net_at_end(trained), 0
    (crops,) = data.test_images.ten_crops(1)
    for image, label in zip(crops, data.test_labels.tolist(), strict=True):
        with torch.no_grad():
            said = [net(normalise(crop[None], data)).softmax(1)[0] for crop in image]
        wrong += torch.stack(said).mean(0).argmax().item() != label
    assert trained.evals[-1]["test_error_10_crops"] == pytest.approx(100 * wrong / 10)


@pytest.mark.parametrize("stopped", [1, 3, 5])
def test_a_resumed_training_ends_with_the_same_bits(train, stopped):
    whole = train(every_step=True)
    rest = train(resume=Checkpoint(whole.states[stopped], stopped, seconds=1.0), every_step=True)
    assert same(rest.end, whole.end)
    assert rest.losses() == whole.losses()[stopped:]
    assert rest.evals == [row for row in whole.evals if row["step"] > stopped]
    assert rest.blocks == [row for row in whole.blocks if row["step"] > stopped]
    assert same(rest.norms, {step: row for step, row in whole.norms.items() if step >= stopped})


def test_channels_last_sees_the_same(train):
    one, other = train(), train(how=HOW | {"memory_format": "channels_last"})
    assert one.losses() == pytest.approx(other.losses(), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_how_many_processes_decode_changes_no_bit(train, folder, workers):
    alone, several = train(), run(EXPERIMENT, streamed(folder, workers))
    assert same(alone.end, several.end)
    assert alone.numbers() == several.numbers()


@pytest.mark.slow
def test_a_training_that_is_left_leaves_no_process(folder):
    import multiprocessing

    from resnet_edu.training import train

    chunks = train(EXPERIMENT, streamed(folder, 2), ComputeChoice.from_dict(HOW))
    next(chunks), next(chunks)
    assert multiprocessing.active_children()
    chunks.close()
    assert multiprocessing.active_children() == []
