"""Do long branches need skips inside?

Question   At equal depth, does a residual net with branches of eight layers train as badly as a plain net
           does, and do skips inside the branches help?
Source     Articles on residual units: a branch of many layers meets the old limit again.
Arms       dense-plain-50, and dense-resnet-50 with branches of 2, 4 and 8 layers, the latter two also with
           skips inside × seeds 0, 1, 2.
Command    resnet-edu study long_branches --budget minute
Cost       18 trainings of dense nets, half a minute on two laptop cores at `minute`.

Decision rule, fixed before any run
    limit   training error, branches of 8 layers − of 2, by seed: at least 5 points
    cured   training error, branches of 8 layers − the same with skips inside, by seed: at least 5 points
    The claim is supported if both parts are, contradicted if neither is, and `depends` if one is.
    It is not settled unless branches of 2 layers have learnt: below 45 %.
    Reported beside it: the same two for branches of 4 layers.

Caveats    Skips inside a branch add without a norm behind them, so what a unit puts out grows with each level
           of skips. Nets that diverge of that at this learning rate count as chance, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import Effect, at_least, below
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import by_seed, differences, judge, last_errors, summary, table

TWO = "dense-resnet-50"
NETS = ("dense-plain-50", TWO, *(f"{TWO}-{n}layer{inside}" for n in (4, 8) for inside in ("", "-nested")))
MARGIN, LEARNT = 5.0, 45.0  # percentage points, % error


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, NETS, seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, and its last errors in %."""
    return table(runs, last_errors)


def verdict(measured: pd.DataFrame) -> Verdict:
    learnt = below(
        "training error with branches of 2 layers", by_seed(measured, "train_error", TWO), LEARNT, "%"
    )
    says = {
        "supported": "Long branches meet the limit again, and skips inside lift it",
        "contradicted": "Long branches train as well, and skips inside bring nothing",
        "depends": "One half of the claim holds",
    }
    return judge(measured, _pair(measured, 8), (learnt,), says=says, beside=_pair(measured, 4))


def _pair(measured: pd.DataFrame, layers: int) -> tuple[Effect, Effect]:
    long, nested = f"{TWO}-{layers}layer", f"{TWO}-{layers}layer-nested"
    limit = differences(measured, "train_error", long, TWO)
    cured = differences(measured, "train_error", long, nested)
    return (
        at_least(f"training error, branches of {layers} layers − of 2", limit, MARGIN),
        at_least(f"training error, branches of {layers} layers − with skips inside", cured, MARGIN),
    )


STUDY = Study(
    name="long_branches",
    title="Do long branches need skips inside?",
    claim="A residual branch of many layers meets the old limit again, and needs skips inside.",
    source="articles on residual units",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
)
