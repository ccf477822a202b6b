"""Two processes that share every batch, started by torchrun; held to one that does the same by hand."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import signal
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from pictures import folder_of_jpegs
from torch import Tensor, nn
from torchruns import DIES, FAILS, Torchrun, described
from trainings import inputs_of
from waiting import until

from resnet_edu import nets
from resnet_edu.data import DataSet, StreamedSet, load
from resnet_edu.data import photographs as decoding
from resnet_edu.experiment import Cifar, Experiment, ImageFolder, Jitter, Recipe
from resnet_edu.experiment.folder import resolved
from resnet_edu.experiment.spec import SpecError
from resnet_edu.runs import Run, Shelf, files
from resnet_edu.training.batches import make_batches
from resnet_edu.training.distributed import ProcessGroup, with_sync_batchnorm
from resnet_edu.workers import train

pytestmark = [pytest.mark.xdist_group("torchrun")]
STEPS = 160


@pytest.fixture
def torchrun() -> Iterator[Callable[..., Torchrun]]:
    """`torchrun(shelf, "train", …)`; none outlives the test."""
    started: list[Torchrun] = []

    def start(*told, **how) -> Torchrun:
        started.append(Torchrun(*told, **how))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture(scope="module")
def experiment(tiny) -> Experiment:
    return tiny(steps=STEPS, batch=16, lr=0.05, augment=True, seed=3)


@pytest.fixture(scope="module")
def whole(experiment, tmp_path_factory) -> Run:
    """Trained by two processes, undisturbed."""
    shelf = tmp_path_factory.mktemp("whole")
    both = Torchrun(shelf, *described(experiment, shelf), "--every-step")
    assert both.ended() == 0
    return both.run(experiment)


def by_hand(
    experiment: Experiment, data: DataSet, batch_at: Callable[[int], tuple[Tensor, Tensor]], count: int
) -> Iterator[tuple[float, list[float]]]:
    """Mean loss and the norm of each layer's gradient, step by step. The shards go through the net one after
    the other, each with its own batch statistics."""
    shape = {"channels": data.channels, "side": data.side, "classes": data.classes}
    net, recipe = nets.build(experiment.net, **shape, seed=experiment.seed), experiment.recipe
    settings = {"momentum": recipe.momentum, "weight_decay": recipe.weight_decay}
    optimizer = torch.optim.SGD(net.parameters(), recipe.lr, **settings)
    for step in range(recipe.steps):
        shards = zip(*(each.chunk(count) for each in batch_at(step)), strict=True)
        losses = [F.cross_entropy(net(images), labels) for images, labels in shards]
        loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = recipe.lr_at(step)
        optimizer.step()
        yield loss.item(), [weight.grad.norm().item() for _, weight in nets.layers(net)]


def norms(run: Run) -> list[list[float]]:
    table = run.layers().pivot_table(index="step", columns="layer", values="gradient")
    return table.to_numpy().tolist()


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one_that_keeps_statistics_per_shard(whole, experiment, digits):
    batch_at = functools.partial(inputs_of, experiment, digits)
    recorded = whole.steps()["loss"].tolist()
    twin = list(itertools.islice(by_hand(experiment, digits, batch_at, 2), 40))
    assert recorded[:40] == pytest.approx([loss for loss, _ in twin], rel=1e-4)
    for ours, (_, theirs) in zip(norms(whole), twin, strict=False):
        assert ours == pytest.approx(theirs, rel=1e-3)
    of_whole_batches, _ = next(by_hand(experiment, digits, batch_at, 1))
    assert recorded[0] != pytest.approx(of_whole_batches, rel=1e-4)
    assert [dataclasses.asdict(share) for share in whole.compute.shares] == [
        {"from_step": 0, "processes": 2, "batch_statistics_of": 8}
    ]
    assert whole.status().state == "done"
    assert len(whole.layers()) == STEPS * len(whole.compute.layers)


@pytest.mark.slow
def test_a_process_dies_and_all_go_on_from_the_checkpoint(whole, experiment, torchrun, tmp_path):
    """Process 1 kills itself after 100 steps; a checkpoint is written every other moment."""
    shelf = tmp_path / "shelf"
    both = torchrun(shelf, *described(experiment, shelf), "--every-step", program=DIES, restarts=1)
    assert both.ended() == 0
    run, before = both.run(experiment), Shelf(tmp_path / "shelf before").latest(experiment)
    assert (before.path / files.CHECKPOINT).exists()
    assert run.status().state == "done"
    assert run.steps().head(10).equals(before.steps().head(10)), "seconds and all: they were not made anew"
    assert run.steps().drop(columns="seconds").equals(whole.steps().drop(columns="seconds"))
    for table in ("layers", "evals", "blocks"):
        assert getattr(run, table)().equals(getattr(whole, table)()), table
    ours, theirs = run.weights(), whole.weights()
    assert all((tensor == theirs[name]).all() for name, tensor in ours.items())
    assert "Traceback" not in both.log


@pytest.mark.slow
def test_one_process_goes_on_where_two_stopped_and_two_where_one_did(tiny, torchrun, tmp_path):
    experiment, blocks = tiny(steps=900, lr=0.01), itertools.count()
    run = Shelf(tmp_path).get_or_create(experiment)
    assert train.train_run(run, should_continue=lambda: next(blocks) < 2) == "stopped"
    begun = run.status().step
    both = torchrun(tmp_path, "resume", run.name)
    until(lambda: run.status().step > begun, 120)
    both.process.send_signal(signal.SIGTERM)
    both.ended()
    again = run.status()
    assert (again.state, again.message) == ("stopped", train.STOPPED)
    assert begun < again.step < 900
    assert train.train_run(run) == "done"
    assert run.steps()["step"].tolist() == list(range(900))
    assert [dataclasses.asdict(share) for share in run.compute.shares] == [
        {"from_step": 0, "processes": 1, "batch_statistics_of": 16},
        {"from_step": begun, "processes": 2, "batch_statistics_of": 8},
        {"from_step": again.step, "processes": 1, "batch_statistics_of": 16},
    ]


PHOTOGRAPHS = Experiment(
    Cifar(depth=8, width=4), ImageFolder(side=16, view=Jitter()), Recipe(steps=12, batch=8, lr=0.02)
)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Experiment:
    folder = folder_of_jpegs(tmp_path_factory.mktemp("photographs") / "jpegs", train=20, test=5)
    data = dataclasses.replace(PHOTOGRAPHS.data, path=str(folder))
    return resolved(dataclasses.replace(PHOTOGRAPHS, data=data))


@pytest.mark.slow
def test_two_processes_train_on_photographs(photographs, torchrun, tmp_path):
    data = load(photographs.data, workers=0)
    source = make_batches(photographs, data, torch.contiguous_format, 1)

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        source.begin(step, 1)
        source.prefetch(0)
        return source.get(torch.tensor([0]))

    both = torchrun(tmp_path, *described(photographs, tmp_path), "--every-step", "--workers", "0")
    assert both.ended() == 0
    run, twin = both.run(photographs), list(by_hand(photographs, data, batch_at, 2))
    assert run.steps()["loss"].tolist() == pytest.approx([loss for loss, _ in twin], rel=1e-4)
    assert norms(run)[-1] == pytest.approx(twin[-1][1], rel=1e-3)


def test_each_process_decodes_only_its_share(photographs, monkeypatch):
    data, opened = load(photographs.data, workers=0), []
    assert isinstance(data, StreamedSet)
    view = decoding.training_crop
    monkeypatch.setattr(decoding, "training_crop", lambda path, *how: opened.append(path) or view(path, *how))

    def taken(shard: slice) -> tuple[Tensor, Tensor]:
        source = make_batches(photographs, data, torch.contiguous_format, 1, shard)
        source.begin(3, 1)
        source.prefetch(0)
        return source.get(torch.tensor([0]))

    inputs, labels = taken(slice(None))
    del opened[:]
    ours, theirs = taken(slice(4, 8))
    assert len(opened) == 4
    assert torch.equal(ours, inputs[4:])
    assert torch.equal(theirs, labels[4:])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--batch", "15"], "resnet-edu: batch is 15; 2 processes share it evenly; allowed: multiples of 2 "),
        pytest.param(
            ["--nonsense", "1"],
            "resnet-edu: error: unrecognized arguments: --nonsense 1",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_what_cannot_be_done_is_said_once(words, said, torchrun, tmp_path):
    both = torchrun(tmp_path, "train", "--net", "resnet-8", "--data", "digits", *words)
    assert both.ended() != 0
    assert [line[: len(said)] for line in both.said] == [said]
    assert both.shelf.runs() == []


@pytest.mark.slow
@pytest.mark.parametrize(("rank", "who"), [pytest.param(0, "", marks=pytest.mark.soak), (1, "process 1: ")])
def test_the_first_process_says_what_stopped_any(rank, who, experiment, torchrun, tmp_path):
    both = torchrun(tmp_path, *described(experiment, tmp_path), program=FAILS.format(rank=rank))
    assert both.ended() != 0
    assert both.said == [f"resnet-edu: {who}these images are not here"]
    status = both.run(experiment).status()
    assert (status.state, status.message) == ("failed", f"{who}these images are not here")


@pytest.mark.parametrize(
    ("device", "said"),
    [("mps", "device is 'mps'; with several processes allowed: cpu, cuda"), ("cpu", "need CUDA")],
)
def test_devices_that_cannot_be_shared(device, said):
    processes = object.__new__(ProcessGroup)
    processes.sync_batchnorm = True
    with pytest.raises(SpecError, match=said):
        processes.local_device(device)


def test_what_is_evaluated_is_what_is_trained_with_synchronised_statistics():
    """Whose layers need CUDA; on a CPU one sees that they are there, over the same tensors."""
    net = nets.build(Cifar(8, width=4), channels=1, side=8, classes=10, seed=0)
    twin = with_sync_batchnorm(net)
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in net.modules())
    synced = sum(isinstance(module, nn.SyncBatchNorm) for module in twin.modules())
    assert synced == sum(isinstance(module, nn.BatchNorm2d) for module in net.modules()) > 0
    for ours, theirs in ((net.parameters(), twin.parameters()), (net.buffers(), twin.buffers())):
        assert all(one is other for one, other in zip(ours, theirs, strict=True))
