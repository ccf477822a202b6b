"""The lesion bench: any units of a net deleted, frozen as they began, scaled and put in each other's
place, all at once.

A unit that is frozen as it is computes what it did. So one frozen here has the weights that it began with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resnet_edu.data import DataSet
from resnet_edu.nets import ResNet, surgery
from resnet_edu.probes.arguments import first_images, named, told, whole
from resnet_edu.probes.routes import MOST_THREADS, logits_of_all, scored
from resnet_edu.probes.sources import SETTLING, first_inputs, settle

Answer = tuple[dict[str, Any], dict[str, np.ndarray]]


def lesion(
    net: ResNet,
    data: DataSet,
    *,
    delete: Sequence[str] | str = (),
    swap: Sequence[Sequence[str]] | Sequence[str] = (),
    freeze: Sequence[str] | str = (),
    scale: Mapping[str, Mapping[str, float]] | None = None,
    images: int = 200,
    of: str = "test",
    threads: int = 1,
) -> Answer:
    """The net with these units frozen, deleted, scaled, then pairs of places swapped; a row a class.

    Frozen units have the weights they began with, their norms the statistics of 256 training images
    (re-initialised, in Zhang 2022, arXiv 1902.01996): what if they had not learned, and the others had?
    `scale` is such as {"stages.0.1": {"shortcut": 1, "branch": 0.5}}, `swap` [["stages.0.1",
    "stages.0.2"]]. Facts: `intact_error` and `intact_loss` before it, `changed_error` and `changed_loss`
    after it. Columns: class, images of it, its `intact_error` and `error`, and `said`, the share of all
    images that the changed net takes for it, in %. Raises `ValueError` for what the net has not or
    cannot do.
    """
    unlearned, frozen = _frozen(net, data, freeze)
    changed, touched = operated(unlearned, delete, swap, scale or {})
    touched |= frozen
    shown, labels = first_images(data, images, of)
    threads = whole("threads", threads, 1, MOST_THREADS)
    intact, units = net.units(), dict(changed.units())
    routes = [
        tuple(each for _, each in intact),
        tuple(units[name] if name in touched else each for name, each in intact),
    ]
    logits = logits_of_all(net, routes, data, shown, threads=threads)
    before, after = (scored(each, labels) for each in logits)
    facts = told(net, len(labels), of) | {
        "touched": [name for name, _ in intact if name in touched],
        "intact_error": before.error,
        "intact_loss": before.loss,
        "changed_error": after.error,
        "changed_loss": after.loss,
    }
    return facts, _by_class(logits.argmax(2), labels, data)


def _by_class(called: Tensor, labels: Tensor, data: DataSet) -> dict[str, np.ndarray]:
    """`called` int64 [2, N]: what the intact and the changed net say. A class without images has NaN."""
    of_class = torch.arange(data.classes)[:, None] == labels
    count = of_class.sum(1)
    intact, changed = (100 * (of_class & (said != labels)).sum(1) / count for said in called)
    return {
        "class": np.array(data.class_names),
        "images": count.numpy(),
        "intact_error": intact.numpy(),
        "error": changed.numpy(),
        "said": 100 * torch.bincount(called[1], minlength=data.classes).numpy() / len(labels),
    }


def _frozen(net: ResNet, data: DataSet, freeze: Sequence[str] | str) -> tuple[ResNet, set[str]]:
    names = named("freeze", freeze, net)
    changed = surgery.rewind(net, *names) if names else net
    if names and len(data.train_images):
        settle(changed, [changed.get_submodule(name) for name in names], first_inputs(data, SETTLING))
    return changed, set(names)


def operated(
    net: ResNet,
    delete: Sequence[str] | str,
    swap: Sequence[Sequence[str]] | Sequence[str],
    scale: Mapping[str, Mapping[str, float]],
) -> tuple[ResNet, set[str]]:
    """The changed copy of the net, and the names of the units that are not what they were."""
    deleted = named("delete", delete, net)
    changed = surgery.delete(net, *deleted)
    if not isinstance(scale, Mapping):
        raise ValueError(f"scale is {scale!r}; it takes units and their factors")
    for name, factors in scale.items():
        changed = surgery.scale(changed, name, **_factors(name, factors))
    touched = {*deleted, *scale}
    for pair in _pairs(swap):
        names = named("swap", pair, net)
        if len(names) != 2:
            raise ValueError(f"swap takes pairs of units, not {', '.join(names)}")
        changed = surgery.swap(changed, *names)
        touched |= set(names)
    return changed, touched


def _factors(name: str, factors: Any) -> Mapping[str, float]:
    numbers = isinstance(factors, Mapping) and all(isinstance(each, int | float) for each in factors.values())
    if not numbers or set(factors) - {"shortcut", "branch"}:
        raise ValueError(f"scale of {name} is {factors!r}; it takes shortcut and branch, two numbers")
    return factors


def _pairs(swap: Any) -> Sequence[Any]:
    """A list of pairs, also where one pair was given alone."""
    if not isinstance(swap, (list, tuple)):
        raise ValueError(f"swap is {swap!r}; it takes pairs of units")
    return [swap] if swap and all(isinstance(name, str) for name in swap) else swap
