"""Do shortcuts help dense and convolutional nets alike?

Question   Is the training error of a deep net lower with shortcuts, in both families?
Source     He 2015 §3.2: written for dense layers, the notations "are applicable to convolutional layers".
Arms       dense plain and residual nets of 50 layers, convolutional ones of 56 × seeds 0, 1, 2. The latter
           are runs of the degradation study.
Command    resnet-edu study dense_and_conv --budget minute
Cost       12 trainings, under a minute on two laptop cores at `minute`.

Decision rule, fixed before any run
    gain = training error, plain − residual of the same family and seed, in points.
    dense, convolutional   gain of at least 5 points
    The claim is supported if both gain, contradicted if neither does, and `depends` (on the family) if one
    does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import at_least
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import differences, judge, last_errors, summary, table

PAIRS = {"dense": ("dense-plain-50", "dense-resnet-50"), "convolutional": ("plain-56", "resnet-56")}
GAIN = 5.0  # percentage points


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, [net for pair in PAIRS.values() for net in pair], seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, and its last errors in %."""
    return table(runs, last_errors)


def verdict(measured: pd.DataFrame) -> Verdict:
    gains = [
        at_least(
            f"{family}, training error, plain − residual", differences(measured, "train_error", *pair), GAIN
        )
        for family, pair in PAIRS.items()
    ]
    says = {
        "supported": "Shortcuts help both families",
        "contradicted": "Shortcuts help neither family",
        "depends": "Shortcuts help one family only",
    }
    return judge(measured, gains, says=says)


STUDY = Study(
    name="dense_and_conv",
    title="Do shortcuts help dense and convolutional nets alike?",
    claim="Shortcuts help dense and convolutional layers alike.",
    source="He et al. 2015, §3.2 (arXiv:1512.03385)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
)
