"""Does it matter how shortcuts change size?

Question   Do zero-padding (A), projections where sizes change (B) and projections everywhere (C) differ?
Source     He 2015 §4.1, Table 3: 25.03, 24.52 and 24.19 % top-1 error; "the small differences among A/B/C
           indicate that projection shortcuts are not essential".
Arms       resnet-20 with A, B and C × seeds 0, 1, 2.
Command    resnet-edu study projections --budget minute
Cost       9 trainings at `minute`, half a minute on two laptop cores.

Decision rule, fixed before any run
    test error, A − B, A − C and B − C, by seed: −1 to 1 points each.
    The claim is supported if all three hold, contradicted if none does, and `depends` if some do.

Caveats    The digits' test set has 297 images: one image is a third of a point.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import within
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import differences, judge, last_errors, summary, table

NETS = {"A": "resnet-20", "B": "resnet-20-B", "C": "resnet-20-C"}
ALIKE = 1.0  # percentage points


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, list(NETS.values()), seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, and its last errors in %."""
    return table(runs, last_errors)


def verdict(measured: pd.DataFrame) -> Verdict:
    effects = [
        within(
            f"test error, {one} − {other}",
            differences(measured, "test_error", NETS[one], NETS[other]),
            -ALIKE,
            ALIKE,
            "points",
        )
        for one, other in itertools.combinations(NETS, 2)
    ]
    says = {
        "supported": "The three options are alike",
        "contradicted": "All three options differ",
        "depends": "Some of the options differ",
    }
    return judge(measured, effects, says=says)


STUDY = Study(
    name="projections",
    title="Does it matter how shortcuts change size?",
    claim="Zero-padding, projections where sizes change, and projections everywhere differ little.",
    source="He et al. 2015, §4.1, Table 3 (arXiv:1512.03385)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    budgets=("minute", "lesson", "lesson-cifar", "quarter", "paper"),
)
