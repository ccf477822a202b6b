"""Training in a blink: 64 digits, and a chunk for every step, so that a test can stop anywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import trainings

from resnet_edu.data import DataSet, load
from resnet_edu.experiment import Digits


@pytest.fixture(scope="session")
def digits() -> DataSet:
    return load(Digits(train=64))


@pytest.fixture
def train(digits: DataSet) -> Callable[..., trainings.Trained]:
    return functools.partial(trainings.run, images=digits, chunk_seconds=0)
