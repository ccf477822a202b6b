"""A training as most tutorials write it, against ours: the same net and recipe (CIFAR-10, batch 128, crop
and flip), real images from file to updated weights. The tutorial's loop: `transforms` on PIL images in a
DataLoader with two worker processes, float32, `loss.item()` at every step. Ours: what `resnet-edu train` does
on this machine, all that it records included; a study's arms train side by side, one a core.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import torch
import torch.nn.functional as F

from benchmarks.common import chosen_compute, cifar, in_processes, markdown, trainer
from resnet_edu import data, nets
from resnet_edu.experiment import Experiment
from resnet_edu.training import ComputeChoice
from resnet_edu.training.devices import available_devices, synchronize

NETS = {"resnet-20": 16, "resnet-56": 8}
"""Steps that are timed, after a few that are not."""
WARM = 4


def table() -> str:
    if any(found.state != "present" for found in data.status() if found.kind == "cifar10"):
        return "CIFAR-10 is not here: `resnet-edu data get cifar10`."
    rows = []
    for name, steps in NETS.items():
        experiment = cifar(name)
        usual = tutorial(experiment, steps)
        compute = chosen_compute(experiment, data.load(experiment.data), threads=(1, os.cpu_count() or 1))
        alone = sum(in_processes(ours, [(experiment, steps, compute)]))
        row = [name, f"{usual:.0f}", f"{alone:.0f}", f"**{alone / usual:.2f}×**"]
        if compute.device == "cpu":
            arm = experiment, steps, replace(compute, threads=1)
            together = sum(in_processes(ours, [arm] * (os.cpu_count() or 1)))
            row += [f"{together:.0f}", f"**{together / usual:.2f}×**"]
        said = f"{compute.precision} {compute.memory_format}, threads: {compute.threads}"
        rows.append([*row, *[""] * (6 - len(row)), said])
    head = ["net", "usual loop, images/s", "ours, one training", "ratio", "ours, an arm a core", "ratio"]
    return markdown([*head, "one training is computed in"], rows)


def tutorial(experiment: Experiment, steps: int) -> float:
    """Images a second of the usual loop."""
    from torchvision import transforms
    from torchvision.datasets import CIFAR10

    torch.set_num_threads(os.cpu_count() or 1)
    device = available_devices()[0]
    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
        ]
    )
    recipe = experiment.recipe
    loader = torch.utils.data.DataLoader(
        CIFAR10(data.data_root(), train=True, transform=transform),
        batch_size=recipe.batch,
        shuffle=True,
        num_workers=2,
    )
    net = nets.build(experiment.net, channels=3, side=32, classes=10, seed=0).to(device)
    optimizer = torch.optim.SGD(
        net.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay
    )
    total, started = 0.0, 0.0
    for step, (images, labels) in enumerate(loader):
        if step == WARM:
            started = time.perf_counter()
        if step == WARM + steps:
            return steps * recipe.batch / (time.perf_counter() - started)
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    raise AssertionError("the training set is smaller than the benchmark")


def ours(barrier, experiment: Experiment, steps: int, compute: ComputeChoice) -> float:
    """Images a second of our loop."""
    made = trainer(experiment, compute)
    made.evaluations = frozenset()
    while made.done < WARM:
        made.next_chunk()
    barrier.wait()
    before, started = made.done, time.perf_counter()
    while made.done < before + steps:
        made.next_chunk()
    synchronize(compute.device)
    return (made.done - before) * experiment.recipe.batch / (time.perf_counter() - started)
