"""Does pre-activation train very deep nets better?

Question   With norm and ReLU before each layer instead of after it, does a very deep net train better and
           faster?
Source     He 2016 (arXiv 1603.05027) §3.2, Tables 2 and 3: full pre-activation is best, and more so the
           deeper.
Arms       The five orders of He 2016 Fig. 4, dense residual nets of 100 layers × seeds 0, 1, 2.
Command    resnet-edu study preactivation --budget minute
Cost       15 trainings of dense nets, under a minute on two laptop cores at `minute`.

Decision rule, fixed before any run
    better   training error, original − full pre-activation, by seed: at least 1 point
    faster   steps until the mean loss of ten batches is at most 1 nat, as the binary logarithm of original :
             full pre-activation, by seed: at least 0.138, which is 1.1 times as many steps
    A net that never gets there counts with all steps of its recipe. The claim is supported if both parts are,
    contradicted if neither is, and `depends` if one is. "At the same cost" needs no run: it is counted, and
    the parameters may differ by 1 % at most, or the verdict is not settled.
    Reported beside it: the other three orders against the original, by the same threshold as `better`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu import anatomy
from resnet_edu.experiment import Experiment
from resnet_edu.experiment.net import ORDERS
from resnet_edu.studies.arms import SEEDS, each_seed, named
from resnet_edu.studies.effects import at_least, within
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import (
    by_seed,
    differences,
    judge,
    last_errors,
    log2_ratios,
    steps_until,
    summary,
    table,
)

ORIGINAL, FULL = "original", "full-preactivation"
LOSS, MARGIN, FASTER, COST = 1.0, 1.0, 1.1, 1.0  # nats, percentage points, times as many steps, %


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, [named(budget, "dense-resnet-100", order=order) for order in ORDERS], seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: its order, last errors in %, `steps` until the loss is low, and `parameters`."""
    return table(runs, _values, arm=lambda experiment: experiment.net.order)


def _values(run: Measured) -> dict[str, float]:
    count = sum(part.parameters for part in anatomy.parts(run.experiment.net, channels=1, side=8, classes=10))
    return {**last_errors(run), "steps": steps_until(run, LOSS), "parameters": float(count)}


def verdict(measured: pd.DataFrame) -> Verdict:
    sizes = {order: by_seed(measured, "parameters", order) for order in (ORIGINAL, FULL)}
    extra = {
        seed: 100 * (size / sizes[ORIGINAL][seed] - 1)
        for seed, size in sizes[FULL].items()
        if seed in sizes[ORIGINAL]
    }
    cost = within("more parameters with full pre-activation", extra, -COST, COST, "%")
    better, *others = (
        at_least(
            f"training error, {ORIGINAL} − {order}",
            differences(measured, "train_error", ORIGINAL, order),
            MARGIN,
        )
        for order in (FULL, *(order for order in ORDERS if order not in (ORIGINAL, FULL)))
    )
    faster = at_least(
        f"steps to a loss of {LOSS:g} nat, {ORIGINAL} : {FULL}",
        log2_ratios(measured, "steps", ORIGINAL, FULL),
        math.log2(FASTER),
        "doublings",
    )
    says = {
        "supported": "Full pre-activation trains better and faster",
        "contradicted": "Full pre-activation trains neither better nor faster",
        "depends": "Full pre-activation is ahead in one way and not in the other",
    }
    return judge(measured, (better, faster), (cost,), says=says, beside=others)


STUDY = Study(
    name="preactivation",
    title="Does pre-activation train very deep nets better?",
    claim="Pre-activation trains very deep nets better, and faster, at the same cost.",
    source="He et al. 2016, §3.2, Tables 2 and 3 (arXiv:1603.05027)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
)
