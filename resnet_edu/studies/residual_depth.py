"""Are deeper residual nets better?

Question   Does a residual net keep its training error as it gets deeper, and does its test error fall?
Source     He 2015 §4: "the 34-layer ResNet is better than the 18-layer ResNet", and CIFAR nets to 110 layers.
Arms       The residual arms of the degradation study, whose runs are the same.
Command    resnet-edu study residual_depth --budget minute
Cost       9 trainings at `minute` (half a minute on two laptop cores), none after the degradation study.

Decision rule, fixed before any run
    kept     training error, deepest − shallowest, by seed: below 1 point
    better   test error, shallowest − deepest, by seed: at least 0.5 points
    Each is supported or contradicted where both of its 95 % bounds say so. The claim is supported if both
    parts are, contradicted if neither is, and `depends` if the deeper net suffers not but is no better.

Caveats    Digits of 8×8 pixels are learnt by the shallowest net, so there is little left to be better at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies import degradation
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import differences, judge, last_errors, summary, table

KEPT, BETTER = 1.0, 0.5  # percentage points


def arms(
    budget: str, seeds: Sequence[int] = degradation.SEEDS, depths: Sequence[int] | None = None
) -> list[Experiment]:
    return [arm for arm in degradation.arms(budget, seeds, depths) if not arm.net.plain]


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, depth, seed, and its last errors in %."""
    return table(runs, lambda run: {"depth": run.experiment.net.depth, **last_errors(run)})


def verdict(measured: pd.DataFrame) -> Verdict:
    deep, shallow = _extremes(measured)
    kept = below(f"training error, {deep} − {shallow}", _gaps(measured, "train_error", deep, shallow), KEPT)
    better = at_least(f"test error, {shallow} − {deep}", _gaps(measured, "test_error", shallow, deep), BETTER)
    says = {
        "supported": "The deeper residual net trains as well and tests better",
        "contradicted": "The deeper residual net trains worse, and tests no better",
        "depends": "The deeper residual net is ahead in one error and not in the other",
    }
    return judge(measured, (kept, better), says=says)


def _gaps(measured: pd.DataFrame, error: str, more: str, less: str) -> dict[int, float]:
    return differences(measured, error, more, less) if more != less else {}  # it takes two depths


def _extremes(measured: pd.DataFrame) -> tuple[str, str]:
    if measured.empty:
        return "deepest", "shallowest"
    depths = measured["depth"]
    return str(measured["arm"][depths.idxmax()]), str(measured["arm"][depths.idxmin()])


STUDY = Study(
    name="residual_depth",
    title="Are deeper residual nets better?",
    claim="Residual nets do not suffer from depth: deeper is better.",
    source="He et al. 2015, §4 (arXiv:1512.03385)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    budgets=degradation.STUDY.budgets,
    by_depth=True,
)
