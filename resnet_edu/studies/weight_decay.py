"""Does weight decay skip layers that hurt?

Question   In a residual net with more units than it needs, does stronger weight decay shrink the branches, so
           that the smallest can be deleted without harm?
Source     Widespread in tutorials: a layer that hurts is skipped, because regularisation makes its
           branch small.
Arms       dense-resnet-50 with weight decay 0, 0.0001 (the paper's) and 0.01 × seeds 0, 1, 2.
Command    resnet-edu study weight_decay --budget minute
Cost       9 trainings of dense nets, 15 seconds on two laptop cores at `minute`, 18 answers of seconds.

Decision rule, fixed before any run
    size of a unit = ‖F(x)‖ : ‖h(x)‖ of the trained net, mean over images; of a net, the median over its
    units.
    shrunk    size at weight decay 0 : size at 0.01, as a binary logarithm, by seed: at least 1, half the size
    harmless  test error without the unit of smallest size, at 0.01, minus the intact error: below 1 point
    The claim is supported if both parts are, contradicted if neither is, and `depends` if one is.
    It is not settled unless the net at 0.01 has learnt: an intact test error below 20 %.

Caveats    "A layer that hurts" is one that is not needed here: 24 units on digits. A branch ends in a norm,
           whose scale decays like a weight.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Question, Study, Verdict, read_answer
from resnet_edu.studies.tables import by_seed, judge, last_errors, log2_ratios, summary, table

DECAYS = (0.0, 1e-4, 1e-2)
NONE, STRONG = (f"weight decay {decay:g}" for decay in (DECAYS[0], DECAYS[-1]))
SHRUNK, HARMLESS, LEARNT = 1.0, 1.0, 20.0  # halvings, percentage points, % error
SIZES, LESIONS = QUESTIONS = (Question("contributions", {}), Question("lesions", {}))


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return [
        dataclasses.replace(arm, recipe=dataclasses.replace(arm.recipe, weight_decay=decay))
        for arm in each_seed(budget, ["dense-resnet-50"], seeds)
        for decay in DECAYS
    ]


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: last errors in %; `size` of the median unit; `intact`, its test error; `damage`, what
    deleting the unit of smallest size adds to it, in points."""
    return table(runs, _values, arm=lambda experiment: f"weight decay {experiment.recipe.weight_decay:g}")


def _values(run: Measured) -> dict[str, float]:
    sizes, lesions = read_answer(run, SIZES), read_answer(run, LESIONS)
    found = {**last_errors(run), **dict.fromkeys(("size", "intact", "damage"), math.nan)}
    if sizes is not None and lesions is not None:
        intact = float(lesions.facts["intact_error"])
        smallest = int(np.argmin(sizes.arrays["ratio"]))
        damage = float(lesions.arrays["error"][smallest]) - intact
        found |= {"size": float(np.median(sizes.arrays["ratio"])), "intact": intact, "damage": damage}
    return found


def verdict(measured: pd.DataFrame) -> Verdict:
    learnt = below(f"intact test error at {STRONG}", by_seed(measured, "intact", STRONG), LEARNT, "%")
    shrunk = at_least(
        f"branch : shortcut, {NONE} over {STRONG}",
        log2_ratios(measured, "size", NONE, STRONG),
        SHRUNK,
        "halvings",
    )
    harmless = below(
        f"damage by deleting the smallest branch at {STRONG}", by_seed(measured, "damage", STRONG), HARMLESS
    )
    says = {
        "supported": "Weight decay shrinks the branches, and the smallest is not needed",
        "contradicted": "Weight decay does not shrink the branches, and the smallest is needed",
        "depends": "One half of the claim holds",
    }
    return judge(measured, (shrunk, harmless), (learnt,), says=says)


STUDY = Study(
    name="weight_decay",
    title="Does weight decay skip layers that hurt?",
    claim="If a layer hurts, regularisation skips it.",
    source="widespread in tutorials",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    questions=QUESTIONS,
)
