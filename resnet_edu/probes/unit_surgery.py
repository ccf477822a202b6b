"""Any units of a net deleted, reset to their initial weights, scaled and swapped, all at once.

Freezing a trained unit changes nothing at test time, so here "frozen" means: reset to its initial weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resnet_edu.data import DataSet
from resnet_edu.nets import ResNet, surgery
from resnet_edu.probes.arguments import base_facts, check_int, check_units, first_images
from resnet_edu.probes.sources import CALIBRATION_IMAGES, first_inputs, recalibrate_batchnorm
from resnet_edu.probes.variants import MOST_THREADS, all_variant_logits, score_logits
from resnet_edu.runs.answers import ProbeAnswer


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
) -> ProbeAnswer:
    """One row per class: errors of the net before and after surgery, done in this order.

    - `freeze`: units that get their initial weights back ("re-initialised" in Zhang 2022, arXiv 1902.01996);
      their norms are recalibrated on 256 training images.
    - `delete`: units that lose their branch; see `lesions`.
    - `scale`: factors of a unit's two terms, such as {"stages.0.1": {"shortcut": 1, "branch": 0.5}}.
    - `swap`: pairs of units that change places, such as [["stages.0.1", "stages.0.2"]].
    - `images`, `of`, `threads`: as in `lesions`.

    Columns: `class`; `images` of it; its `intact_error` and `error` in %; and `said`, the share of all
    images that the changed net assigns to it, in %. Facts: `intact_error` and `intact_loss` before it,
    `changed_error` and `changed_loss` after it, `touched`, the changed units. Raises `ValueError` for units
    that the net does not have, and for changes that it cannot have.
    """
    unlearned, frozen = _frozen(net, data, freeze)
    changed, touched = apply_surgery(unlearned, delete, swap, scale or {})
    touched |= frozen
    shown, labels = first_images(data, images, of)
    threads = check_int("threads", threads, 1, MOST_THREADS)
    intact, units = net.units(), dict(changed.units())
    variants = [
        tuple(each for _, each in intact),
        tuple(units[name] if name in touched else each for name, each in intact),
    ]
    logits = all_variant_logits(net, variants, data, shown, threads=threads)
    before, after = (score_logits(each, labels) for each in logits)
    facts = base_facts(net, len(labels), of) | {
        "touched": [name for name, _ in intact if name in touched],
        "intact_error": before.error,
        "intact_loss": before.loss,
        "changed_error": after.error,
        "changed_loss": after.loss,
    }
    return ProbeAnswer(facts, _by_class(logits.argmax(2), labels, data))


def _by_class(called: Tensor, labels: Tensor, data: DataSet) -> dict[str, np.ndarray]:
    """`called` int64 [2, N]: what the intact and the changed net predict. NaN for a class without images."""
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
    names = check_units("freeze", freeze, net)
    changed = surgery.rewind(net, *names) if names else net
    if names and len(data.train_images):
        recalibrate_batchnorm(
            changed, [changed.get_submodule(name) for name in names], first_inputs(data, CALIBRATION_IMAGES)
        )
    return changed, set(names)


def apply_surgery(
    net: ResNet,
    delete: Sequence[str] | str,
    swap: Sequence[Sequence[str]] | Sequence[str],
    scale: Mapping[str, Mapping[str, float]],
) -> tuple[ResNet, set[str]]:
    """A changed copy of the net, and the names of the changed units."""
    deleted = check_units("delete", delete, net)
    changed = surgery.delete(net, *deleted)
    if not isinstance(scale, Mapping):
        raise ValueError(f"scale is {scale!r}; it takes units and their factors")
    for name, factors in scale.items():
        changed = surgery.scale(changed, name, **_factors(name, factors))
    touched = {*deleted, *scale}
    for pair in _pairs(swap):
        names = check_units("swap", pair, net)
        if len(names) != 2:
            raise ValueError(f"swap takes pairs of units, not {', '.join(names)}")
        changed = surgery.swap(changed, *names)
        touched |= set(names)
    return changed, touched


def _factors(name: str, factors: Any) -> Mapping[str, float]:
    numbers = isinstance(factors, Mapping) and all(isinstance(each, int | float) for each in factors.values())
    if not numbers or set(factors) - {"shortcut", "branch"}:
        raise ValueError(f"scale of {name} is {factors!r}; it takes shortcut and branch, two numbers")
    return dict(factors)


def _pairs(swap: Any) -> Sequence[Any]:
    """`swap` as a list of pairs; it may be one pair."""
    if not isinstance(swap, (list, tuple)):
        raise ValueError(f"swap is {swap!r}; it takes pairs of units")
    return [swap] if swap and all(isinstance(name, str) for name in swap) else swap
