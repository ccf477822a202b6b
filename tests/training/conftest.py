"""Training in a blink: 64 digits, and a block for every step, so that one can stop anywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import trainings

from resnet_edu.data import DataSet, load
from resnet_edu.experiment import Digits
from resnet_edu.training import loop


@pytest.fixture(scope="session")
def digits() -> DataSet:
    return load(Digits(train=64))


@pytest.fixture
def train(digits: DataSet, monkeypatch: pytest.MonkeyPatch) -> Callable[..., trainings.Trained]:
    monkeypatch.setattr(loop, "BLOCK_SECONDS", 0)
    return functools.partial(trainings.run, images=digits)
