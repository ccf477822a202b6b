"""Does a residual net of moderate depth converge faster?

Question   At about 18 layers, is a plain net as accurate as its residual twin, only slower?
Source     He 2015 §4.1: the 18-layer nets "are comparably accurate", "but the 18-layer ResNet converges
           faster".
Arms       plain-20 and resnet-20 × seeds 0, 1, 2: runs of the degradation study.
Command    resnet-edu study convergence --budget minute
Cost       6 trainings at `minute` (20 seconds on two laptop cores), none after the degradation study.

Decision rule, fixed before any run
    accurate   test error, plain − residual, by seed: −2 to 2 points
    faster     steps until the mean loss of ten batches is at most 0.5 nats, as the binary logarithm of
               plain : residual, by seed: at least 0.138, which is 1.1 times as many steps
    A net that never gets there counts with all steps of its recipe. The claim is supported if both parts are,
    contradicted if neither is, and `depends` if one is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import at_least, within
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import (
    differences,
    judge,
    last_errors,
    log2_ratios,
    steps_until,
    summary,
    table,
)

NETS = ("plain-20", "resnet-20")
LOSS = 0.5  # nats
ALIKE = 2.0  # percentage points
FASTER = 1.1  # times as many steps


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, NETS, seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, last errors in %, and `steps` until the loss is low."""
    return table(runs, lambda run: {**last_errors(run), "steps": steps_until(run, LOSS)})


def verdict(measured: pd.DataFrame) -> Verdict:
    plain, residual = NETS
    accurate = within(
        f"test error, {plain} − {residual}",
        differences(measured, "test_error", plain, residual),
        -ALIKE,
        ALIKE,
        "points",
    )
    faster = at_least(
        f"steps to a loss of {LOSS:g} nats, {plain} : {residual}",
        log2_ratios(measured, "steps", plain, residual),
        math.log2(FASTER),
        "doublings",
    )
    says = {
        "supported": "As accurate, and the residual net is faster",
        "contradicted": "Neither as accurate, nor is the residual net faster",
        "depends": "One half of the claim holds",
    }
    return judge(measured, (faster, accurate), says=says)


STUDY = Study(
    name="convergence",
    title="Does a residual net of moderate depth converge faster?",
    claim="At 18 layers plain and residual nets are comparably accurate, but the residual one is faster.",
    source="He et al. 2015, §4.1 (arXiv:1512.03385)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    budgets=("minute", "lesson", "lesson-cifar", "quarter", "paper"),
)
