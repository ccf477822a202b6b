"""Which units a net can lose, or have in another order: each in turn, and at random (Veit 2016 §4).

A deleted residual unit loses its branch, y = f(h(x)); a deleted plain unit is skipped, y = f(x), by option A
where the size changes: `nets.surgery` has the details. All errors are in %, losses in nats, in eval mode
with the running statistics of the intact net.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from resnet_edu.data import DataSet
from resnet_edu.measure import Errors
from resnet_edu.nets import ResNet, surgery
from resnet_edu.probes.arguments import base_facts, check_int, first_images, unit_columns
from resnet_edu.probes.variants import MOST_THREADS, UnitSequence, all_variant_logits, score_logits
from resnet_edu.randomness import seed_for
from resnet_edu.runs.answers import ProbeAnswer

COUNTS = (0, 1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200)
SWAPS = (0, 1, 2, 3, 5, 8, 12, 20, 30)


def lesions(
    net: ResNet, data: DataSet, *, images: int = 1000, of: str = "test", threads: int = 1
) -> ProbeAnswer:
    """One row per unit: error and loss of the net without it (Veit 2016 §4.1).

    - `images`: at most so many, the first of their set.
    - `of`: their set, "test" or "train".
    - `threads`: they share the batches; the numbers do not depend on them.

    Columns: those of `unit_columns`; `error` in %; `loss` in nats. Facts: `intact_error`, `intact_loss`.
    """
    units, gone = _whole_and_gone(net)
    variants = [_without(units, gone, {i}) for i in range(len(units))]
    facts, found = _measured(net, [tuple(units), *variants], data, images, of, threads)
    return ProbeAnswer(facts, _columns(unit_columns(net), found))


def random_lesions(
    net: ResNet,
    data: DataSet,
    *,
    counts: Sequence[int] | None = None,
    draws: int = 5,
    seed: int = 0,
    images: int = 200,
    of: str = "test",
    threads: int = 1,
) -> ProbeAnswer:
    """One row per number of deleted units and per draw of them: error and loss (Veit 2016 §4.3).

    - `counts`: numbers of deleted units; by default from 0 to all units, in growing steps.
    - `draws`: random choices of units for each count.
    - `seed`: of the draws.
    - `images`, `of`, `threads`: as in `lesions`.

    Columns: `count`; `draw`, from 0; `error` in %; `loss` in nats.
    """
    units, gone = _whole_and_gone(net)
    draws, seed = check_int("draws", draws, 1, 1000), check_int("seed", seed, 0)
    counts = _numbers("counts", counts, len(units), (*COUNTS, len(units)))
    drawn = list(itertools.product(counts, range(draws)))
    names = [name for name, _ in net.units()]
    variants = []
    for count, draw in drawn:
        chosen = surgery.random_units(net, count, seed=seed_for(seed, "lesions", count, draw))
        variants.append(_without(units, gone, {names.index(name) for name in chosen}))
    facts, found = _measured(net, [tuple(units), *variants], data, images, of, threads)
    rows = {"count": [count for count, _ in drawn], "draw": [draw for _, draw in drawn]}
    return ProbeAnswer(facts | {"seed": seed}, _columns(rows, found))


def shuffles(
    net: ResNet,
    data: DataSet,
    *,
    swaps: Sequence[int] | None = None,
    draws: int = 5,
    seed: int = 0,
    images: int = 200,
    of: str = "test",
    threads: int = 1,
) -> ProbeAnswer:
    """One row per number of swaps and per draw of them: units of equal sizes change places (Veit 2016 §4.3).

    - `swaps`: numbers of swaps, one after the other; by default from 0 to 30.
    - `draws`: random orders for each number.
    - `seed`: of the draws.
    - `images`, `of`, `threads`: as in `lesions`.

    Columns: `swaps`; `draw`, from 0; `tau`, Kendall's rank correlation of the new order with the old one
    (1: the old order); `error` in %; `loss` in nats. Raises `ValueError` for a net without two units of the
    same sizes.
    """
    units = list(_modules(net))
    draws, seed = check_int("draws", draws, 1, 1000), check_int("seed", seed, 0)
    numbered = itertools.combinations(enumerate(name for name, _ in net.units()), 2)
    pairs = [(i, j) for (i, one), (j, other) in numbered if surgery.interchangeable(net, one, other)]
    if not pairs:
        raise ValueError("no two units of this net have the same sizes, so none can change places")
    drawn = list(itertools.product(_numbers("swaps", swaps, 10_000, SWAPS), range(draws)))
    orders = [_shuffled(len(units), pairs, count, seed_for(seed, "swaps", count, i)) for count, i in drawn]
    variants = [tuple(units[i] for i in order) for order in orders]
    facts, found = _measured(net, [tuple(units), *variants], data, images, of, threads)
    rows: dict[str, list[Any]] = {
        "swaps": [count for count, _ in drawn],
        "draw": [draw for _, draw in drawn],
        "tau": [kendall_tau(order) for order in orders],
    }
    return ProbeAnswer(facts | {"seed": seed}, _columns(rows, found))


def kendall_tau(order: Sequence[int]) -> float:
    """Kendall's rank correlation of a permutation of 0 … n−1 with the identity, −1 … 1."""
    pairs = list(itertools.combinations(order, 2))
    return 1 - 2 * sum(a > b for a, b in pairs) / max(len(pairs), 1) if pairs else 1.0


def _whole_and_gone(net: ResNet) -> tuple[list[nn.Module], list[nn.Module]]:
    """The units, and what surgery leaves of each when it deletes it."""
    deleted = surgery.delete(net, *(name for name, _ in net.units()))
    return list(_modules(net)), list(_modules(deleted))


def _modules(net: ResNet) -> UnitSequence:
    return tuple(each for _, each in net.units())


def _without(units: list[nn.Module], gone: list[nn.Module], chosen: set[int]) -> UnitSequence:
    return tuple(gone[i] if i in chosen else each for i, each in enumerate(units))


def _shuffled(count: int, pairs: list[tuple[int, int]], swaps: int, seed: int) -> list[int]:
    order, draws = list(range(count)), random.Random(seed)
    for _ in range(swaps):
        i, j = draws.choice(pairs)
        order[i], order[j] = order[j], order[i]
    return order


def _numbers(name: str, given: Sequence[int] | None, high: int, usual: Sequence[int]) -> list[int]:
    if given is not None and not isinstance(given, (list, tuple)):
        raise ValueError(f"{name} is {given!r}; it takes a list of numbers, 0 … {high}")
    found = [n for n in usual if n <= high] if given is None else [check_int(name, n, 0, high) for n in given]
    if not found:
        raise ValueError(f"{name} is empty; give one or more, 0 … {high}")
    return sorted(set(found))


def _measured(
    net: ResNet, variants: list[UnitSequence], data: DataSet, images: int, of: str, threads: int
) -> tuple[dict[str, Any], list[Errors]]:
    """Facts of the first variant, which is the intact net, and the errors of all others."""
    shown, labels = first_images(data, images, of)
    threads = check_int("threads", threads, 1, MOST_THREADS)
    logits = all_variant_logits(net, variants, data, shown, threads=threads)
    intact, *rest = [score_logits(each, labels) for each in logits]
    facts = base_facts(net, len(labels), of)
    return facts | {"intact_error": intact.error, "intact_loss": intact.loss}, rest


def _columns(rows: Mapping[str, Any], found: list[Errors]) -> dict[str, np.ndarray]:
    measured = {"error": [each.error for each in found], "loss": [each.loss for each in found]}
    return {name: np.array(values) for name, values in {**rows, **measured}.items()}
