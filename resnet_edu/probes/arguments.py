"""Checks of the arguments that probes share, and the facts and columns that their answers share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from resnet_edu.data import DataSet
from resnet_edu.experiment import name_of
from resnet_edu.nets import ResNet

SETS = ("test", "train")
STATISTICS = ("running", "batch")


def first_images(data: DataSet, images: int, of: str) -> tuple[Tensor, Tensor]:
    """Images uint8 [n, C, H, W] and labels int64 [n]: the first `images` of the test or training set,
    or all of them if there are fewer. Raises `ValueError` if there are none."""
    images, of = check_int("images", images, 2), check_choice("of", of, SETS)
    whole_set = {
        "test": (data.test_images, data.test_labels),
        "train": (data.train_images, data.train_labels),
    }
    shown, labels = (tensor[:images] for tensor in whole_set[of])
    if not len(labels):
        raise ValueError(f"of is {of!r}, and this net comes without images of that set")
    return shown, labels


def check_int(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` if it is an integer in low … high; raises `ValueError` otherwise."""
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if not is_int or value < low or (high is not None and value > high):
        raise ValueError(f"{name} is {value!r}; allowed: {low} … {'' if high is None else high}".rstrip())
    return int(value)


def check_nonnegative(name: str, value: Any) -> float:
    """Return `value` if it is finite and not negative; raises `ValueError` otherwise."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value!r}; allowed: 0 …")
    return float(value)


def check_choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return `value` if it is one of `allowed`; raises `ValueError` otherwise."""
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; allowed: {', '.join(allowed)}")
    return str(value)


def by_batch(statistics: Any) -> bool:
    """True if batch norms use the statistics of the batch, as in training; False if the running ones."""
    return check_choice("statistics", statistics, STATISTICS) == "batch"


def check_units(name: str, value: Any, net: ResNet) -> list[str]:
    """Return the names of units as a list; `value` may be one name. Raises `ValueError` for unknown ones."""
    units = dict(net.units())
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)):
        raise ValueError(f"{name} is {value!r}; it takes units: {', '.join(units)}")
    for each in listed:
        if not isinstance(each, str) or each not in units:
            raise ValueError(f"{name}: there is no unit {each!r}; units: {', '.join(units)}")
    if len(set(listed)) < len(listed):
        raise ValueError(f"{name} is {', '.join(listed)}; each unit once")
    return list(listed)


def base_facts(net: ResNet, images: int, of: str) -> dict[str, Any]:
    """The facts that every answer has: net, number of units, number of images, and their set `of`."""
    return {"net": name_of(net.spec), "units": len(net.units()), "images": images, "of": of}


def unit_columns(net: ResNet) -> dict[str, np.ndarray]:
    """The columns that identify a row's unit.

    - `unit`: its number, from 0.
    - `name`: its module, such as "stages.0.1".
    - `stage`: from 0.
    - `changes_size`: true if it halves the feature maps or widens them.
    """
    units = net.units()
    return {
        "unit": np.arange(len(units)),
        "name": np.array([name for name, _ in units]),
        "stage": np.array([int(name.split(".")[1]) for name, _ in units]),
        "changes_size": np.array([not each.plan.same_size for _, each in units]),
    }
