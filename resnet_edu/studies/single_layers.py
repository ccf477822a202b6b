"""Does a shortcut around a single layer help?

Question   With units of one layer, is a residual net better than a plain one? Than with two or three layers?
Source     He 2015 §3.2: "if F has only a single layer, Eqn. (1) is similar to a linear layer: y = W₁x + x,
           for which we have not observed advantages". He 2016 Table 3: 8.91 … 9.90 % with one layer, 6.61 %
           with two.
Arms       dense-plain-50, and dense-resnet-50 with units of 1, 2 and 3 layers × seeds 0, 1, 2.
Command    resnet-edu study single_layers --budget minute
Cost       12 trainings of dense nets, half a minute on two laptop cores at `minute`.

Decision rule, fixed before any run
    gain = training error, plain − residual with units of one layer, by seed, in points.
    supported      gain is below 5 points: it brings nothing to speak of
    contradicted   gain is 5 points or more
    Both by both 95 % bounds. Not settled unless there is something to gain: the plain net ends at 20 % or
    more.
    Reported beside it, by the same rule, and not part of the verdict: how much worse one layer is than two,
    at least 1 point.

Caveats    Units of one layer have a ReLU after the addition, so they are not linear.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import by_seed, differences, judge, last_errors, summary, table

PLAIN, ONE, TWO = "dense-plain-50", "dense-resnet-50-1layer", "dense-resnet-50"
NETS = (PLAIN, ONE, TWO, "dense-resnet-50-3layer")
GAIN, WORSE, ROOM = 5.0, 1.0, 20.0  # percentage points, percentage points, % error


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, NETS, seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, and its last errors in %."""
    return table(runs, last_errors)


def verdict(measured: pd.DataFrame) -> Verdict:
    room = at_least("training error of the plain net", by_seed(measured, "train_error", PLAIN), ROOM, "%")
    gain = below(
        "training error, plain − residual with units of one layer",
        differences(measured, "train_error", PLAIN, ONE),
        GAIN,
    )
    worse = at_least(
        "training error, units of one layer − of two", differences(measured, "train_error", ONE, TWO), WORSE
    )
    says = {
        "supported": "Shortcuts around single layers bring nothing",
        "contradicted": "Shortcuts around single layers help",
    }
    return judge(measured, (gain,), (room,), says=says, beside=(worse,))


STUDY = Study(
    name="single_layers",
    title="Does a shortcut around a single layer help?",
    claim="A shortcut around a single layer brings nothing; it takes at least two.",
    source="He et al. 2015, §3.2 (arXiv:1512.03385); He et al. 2016, Table 3 (arXiv:1603.05027)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
)
