"""At equal parameters, is deeper better than wider?

Question   With about as many parameters, does a deep narrow residual net test better than a shallow wide one?
Source     Widespread. Zagoruyko 2016 (arXiv 1605.07146) says otherwise: wide nets of 16 layers beat thin
           ones.
Arms       resnet-56 half as wide as the budget's nets, and resnet-8 and resnet-20 with the width that makes
           their parameters equal to its, as nearly as a whole width can × seeds 0, 1, 2.
Command    resnet-edu study depth_or_width --budget minute
Cost       9 trainings, half a minute on two laptop cores at `minute`.

Decision rule, fixed before any run
    gain = test error of the net of 8 layers − that of 56, by seed.
    supported      gain is at least 1 point
    contradicted   gain is below 1 point
    Both by both 95 % bounds. Not settled unless the parameters of all arms agree within 20 %.
    Reported beside it: the same for 8 and 20 layers.

Caveats    The narrowest net sets the size, since its width is the coarsest. Widths that were first chosen by
           resnet-20 differed by 25 % in parameters, so nothing could be settled; no threshold was changed.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu import anatomy
from resnet_edu.experiment import Experiment, Net, budgets
from resnet_edu.studies.arms import SEEDS, each_seed, named
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import by_seed, differences, judge, last_errors, summary, table

DEPTHS = (8, 20, 56)
GAIN, EQUAL = 1.0, 20.0  # percentage points, %
WIDTHS = range(1, 65)


def parameters(net: Net) -> int:
    """Of the net on grey images with ten classes; colour adds a few to the stem."""
    return sum(part.parameters for part in anatomy.parts(net, channels=1, side=8, classes=10))


@functools.cache
def nets(budget: str) -> tuple[Net, ...]:
    """A net of each depth, with parameters as near to those of the deepest as a whole width brings them."""
    usual = [named(budget, f"resnet-{depth}") for depth in DEPTHS]
    goal = parameters(dataclasses.replace(usual[-1], width=budgets.get(budget).width // 2))
    return tuple(
        min(
            (dataclasses.replace(net, width=width) for width in WIDTHS),
            key=lambda net: abs(parameters(net) - goal),
        )
        for net in usual
    )


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, nets(budget), seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, its last errors in %, its `width` and number of `parameters`."""
    return table(runs, _values)


def _values(run: Measured) -> dict[str, float]:
    net = run.experiment.net
    return {**last_errors(run), "width": net.width, "parameters": float(parameters(net))}


def verdict(measured: pd.DataFrame) -> Verdict:
    shallow, middle, deep = (f"resnet-{depth}" for depth in DEPTHS)
    gain, beside = (
        at_least(f"test error, {shallow} − {net}", differences(measured, "test_error", shallow, net), GAIN)
        for net in (deep, middle)
    )
    sizes = [by_seed(measured, "parameters", net) for net in (shallow, middle, deep)]
    spread = {
        seed: 100 * (max(size[seed] for size in sizes) / min(size[seed] for size in sizes) - 1)
        for seed in sizes[0]
        if all(seed in size for size in sizes)
    }
    equal = below("the largest net has more parameters than the smallest", spread, EQUAL, "%")
    says = {
        "supported": "Deeper tests better than wider",
        "contradicted": "Deeper tests no better than wider",
    }
    return judge(measured, (gain,), (equal,), says=says, beside=(beside,))


STUDY = Study(
    name="depth_or_width",
    title="At equal parameters, is deeper better than wider?",
    claim="At equal parameters, deeper generalises better than wider.",
    source="widespread; Zagoruyko and Komodakis 2016 contradict it (arXiv:1605.07146)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    budgets=("minute", "lesson", "lesson-cifar", "quarter", "paper"),
)
