"""Do nets of more than a thousand layers train?

Question   Does a residual net of 1,202 layers reach a low training error, and test worse than one of 110?
Source     He 2015 §4.2: "our method shows no optimization difficulty", training error below 0.1 %, and a test
           error of 7.93 % against 6.43 %: "we argue that this is because of overfitting".
Arms       resnet-110 and resnet-1202 × seeds 0, 1, 2.
Command    resnet-edu study thousand_layers --budget lesson
Cost       6 trainings; the deep ones take hours on a laptop core, and minutes on a GPU. Not at `minute`.

Decision rule, fixed before any run
    trains     training error of resnet-1202, by seed: below 5 %
    overfits   test error, resnet-1202 − resnet-110, by seed: at least 0.5 points
    The claim is supported if both parts are, contradicted if neither is, and `depends` if one is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import by_seed, differences, judge, last_errors, summary, table

DEEP, SHALLOW = "resnet-1202", "resnet-110"
LEARNT, WORSE = 5.0, 0.5  # % error, percentage points


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, (DEEP, SHALLOW), seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, and its last errors in %."""
    return table(runs, last_errors)


def verdict(measured: pd.DataFrame) -> Verdict:
    trains = below(f"training error of {DEEP}", by_seed(measured, "train_error", DEEP), LEARNT, "%")
    overfits = at_least(
        f"test error, {DEEP} − {SHALLOW}", differences(measured, "test_error", DEEP, SHALLOW), WORSE
    )
    says = {
        "supported": "It trains, and overfits a little",
        "contradicted": "It does not train, nor does it test worse than the shallower one",
        "depends": "One half of the claim holds",
    }
    return judge(measured, (trains, overfits), says=says)


STUDY = Study(
    name="thousand_layers",
    title="Do nets of more than a thousand layers train?",
    claim="Nets of more than 1,000 layers train without trouble; 1,202 layers overfit a little.",
    source="He et al. 2015, §4.2 (arXiv:1512.03385)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    budgets=("lesson", "lesson-cifar", "quarter", "paper"),
)
