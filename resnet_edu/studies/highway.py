"""Are highway nets better than residual nets?

Question   Do learned gates on both terms of a unit lower the error of a deep net?
Source     He 2015 §2: highway nets "have not demonstrated accuracy gains with extremely increased depth".
Arms       dense-resnet-50 and its highway net (Srivastava 2015, gate bias −3) × seeds 0, 1, 2.
Command    resnet-edu study highway --budget minute
Cost       6 trainings of dense nets, 10 seconds on two laptop cores at `minute`.

Decision rule, fixed before any run
    gain = error of the residual net − that of the highway net, by seed.
    test, training   gain below 1 point
    The claim is supported if both hold, contradicted if neither does, and `depends` (on the error) if one
    does.

Caveats    The highway net has more parameters (its gates), which the table counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu import anatomy
from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import below
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import differences, judge, last_errors, summary, table

RESIDUAL, HIGHWAY = "dense-resnet-50", "dense-resnet-50-highway"
GAIN = 1.0  # percentage points


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, (RESIDUAL, HIGHWAY), seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, its last errors in %, and its number of `parameters`."""
    return table(runs, _values)


def _values(run: Measured) -> dict[str, float]:
    count = sum(part.parameters for part in anatomy.parts(run.experiment.net, channels=1, side=8, classes=10))
    return {**last_errors(run), "parameters": float(count)}


def verdict(measured: pd.DataFrame) -> Verdict:
    test, train = (
        below(f"{words}, residual − highway", differences(measured, error, RESIDUAL, HIGHWAY), GAIN)
        for error, words in (("test_error", "test error"), ("train_error", "training error"))
    )
    says = {
        "supported": "Highway nets are no better",
        "contradicted": "Highway nets are better",
        "depends": "Highway nets are better in one error and not in the other",
    }
    return judge(measured, (test, train), says=says)


STUDY = Study(
    name="highway",
    title="Are highway nets better than residual nets?",
    claim="Highway nets, whose gates are learned, are no better than residual nets.",
    source="He et al. 2015, §2 (arXiv:1512.03385); Srivastava et al. 2015 (arXiv:1505.00387)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
)
