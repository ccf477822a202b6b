"""What several questions take as arguments, checked: how many images, of which set, whose statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from resnet_edu.data import DataSet
from resnet_edu.experiment import name_of
from resnet_edu.nets import ResNet

SETS = ("test", "train")
STATISTICS = ("running", "batch")


def first_images(data: DataSet, images: int, of: str) -> tuple[Tensor, Tensor]:
    """Images uint8 [n, C, H, W] and labels int64 [n]: the first `images` of the test or training set,
    or all that there are. Raises `ValueError` where there are none."""
    images, of = whole("images", images, 2), word("of", of, SETS)
    whole_set = {
        "test": (data.test_images, data.test_labels),
        "train": (data.train_images, data.train_labels),
    }
    shown, labels = (tensor[:images] for tensor in whole_set[of])
    if not len(labels):
        raise ValueError(f"of is {of!r}, and this net comes without images of that set")
    return shown, labels


def whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value`, if it is a whole number in its bounds; raises `ValueError`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low or (high and value > high):
        raise ValueError(f"{name} is {value!r}; allowed: {low} … {high or ''}".rstrip())
    return value


def amount(name: str, value: Any) -> float:
    """`value`, if it is a finite number that is not negative; raises `ValueError`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value!r}; allowed: 0 …")
    return float(value)


def word(name: str, value: Any, allowed: Sequence[str]) -> str:
    """`value`, if it is one of the words allowed; raises `ValueError`."""
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; allowed: {', '.join(allowed)}")
    return value


def by_batch(statistics: Any) -> bool:
    """Whether every batch is normalised by itself, as in training, or by the running statistics."""
    return word("statistics", statistics, STATISTICS) == "batch"


def named(name: str, value: Any, net: ResNet) -> list[str]:
    """Names of units: a list, or one name alone. Raises `ValueError`."""
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


def told(net: ResNet, images: int, of: str) -> dict[str, Any]:
    """The facts that every answer begins with: which net, how many units and images, of which set."""
    return {"net": name_of(net.spec), "units": len(net.units()), "images": images, "of": of}


def where(net: ResNet) -> dict[str, list[Any]]:
    """The columns that say which unit a row is about: `unit` (from 0), `name`, `stage` (from 0), and
    `changes_size`, true for the units that halve the maps or widen them."""
    units = net.units()
    return {
        "unit": list(range(len(units))),
        "name": [name for name, _ in units],
        "stage": [int(name.split(".")[1]) for name, _ in units],
        "changes_size": [not each.plan.same_size for _, each in units],
    }


def row_means(rows: Tensor) -> list[float]:
    """The mean over the images (the last dimension), summed in double precision."""
    return rows.to(torch.float64).mean(-1).tolist()
