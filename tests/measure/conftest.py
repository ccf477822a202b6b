"""Small nets with a past: a few steps of training, so that no statistic is at its start."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from resnet_edu import nets
from resnet_edu.data import DataSet, load, normalise
from resnet_edu.experiment import Cifar, Dense, Digits, NoShortcut, ProjectionShortcut

NETS = {
    "residual": Cifar(depth=14, width=3),
    "plain": Cifar(depth=14, width=3, shortcut=NoShortcut()),
    "projection": Cifar(depth=8, width=3, shortcut=ProjectionShortcut()),
    "dense": Dense(depth=8, width=7),
}


@pytest.fixture(scope="session")
def digits() -> DataSet:
    return load(Digits(train=200))


@pytest.fixture(scope="session", params=NETS)
def trained(request, digits) -> nets.ResNet:
    made = nets.build(NETS[request.param], channels=1, side=8, classes=10, seed=3)
    optimizer = torch.optim.SGD(made.parameters(), 0.1)
    for first in (0, 50, 100):
        optimizer.zero_grad()
        logits = made(normalise(digits.train_images[first : first + 50], digits))
        F.cross_entropy(logits, digits.train_labels[first : first + 50]).backward()
        optimizer.step()
    optimizer.zero_grad()
    return made


@pytest.fixture
def net(trained) -> nets.ResNet:
    return copy.deepcopy(trained)
