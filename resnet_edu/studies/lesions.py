"""Can a trained net lose a unit?

Question   What does deleting one unit do to the error, in a residual net and in its plain twin?
Source     Veit 2016 (arXiv 1605.06431) §4.1: deleting any layer of VGG takes it to chance; deleting a unit of
           a ResNet hardly changes the error, but for those that change the size.
Arms       plain-20 and resnet-20 × seeds 0, 1, 2: runs of the degradation study. The probe `lesions` deletes
           each of their nine units in turn.
Command    resnet-edu study lesions --budget minute
Cost       6 trainings at `minute`, none after the degradation study, and 6 answers of seconds.

Decision rule, fixed before any run
    damage = test error without a unit − intact test error, in points; of a net, the median over its units.
    residual   damage by seed: below 5 points
    plain      damage by seed: at least 30 points
    The claim is supported if both parts are, contradicted if neither is, and `depends` if one is. It is not
    settled unless both nets have learnt: an intact test error below 20 %.
    Reported beside it: the worst unit of the residual net, which need not be harmless.

Caveats    The paper's nets have 54 units; these have 9, so each is a larger part of the net.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Question, Study, Verdict, read_answer
from resnet_edu.studies.tables import by_seed, judge, summary, table

PLAIN, RESIDUAL = "plain-20", "resnet-20"
HARMLESS, DESTROYED, LEARNT = 5.0, 30.0, 20.0  # percentage points, percentage points, % error
QUESTION = Question("lesions", {})


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, (PLAIN, RESIDUAL), seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: `intact`, its test error in %; in points, the `damage` of its median unit
    and of the `worst`."""
    return table(runs, _damage)


def _damage(run: Measured) -> dict[str, float]:
    answer = read_answer(run, QUESTION)
    if answer is None:
        return dict.fromkeys(("intact", "damage", "worst"), math.nan)
    intact = float(answer.facts["intact_error"])
    damage = answer.arrays["error"] - intact
    return {"intact": intact, "damage": float(np.median(damage)), "worst": float(damage.max())}


def verdict(measured: pd.DataFrame) -> Verdict:
    learnt = [
        below(f"intact test error of {net}", by_seed(measured, "intact", net), LEARNT, "%")
        for net in (PLAIN, RESIDUAL)
    ]
    harmless = below(f"median damage to {RESIDUAL}", by_seed(measured, "damage", RESIDUAL), HARMLESS)
    destroyed = at_least(f"median damage to {PLAIN}", by_seed(measured, "damage", PLAIN), DESTROYED)
    worst = below(f"worst damage to {RESIDUAL}", by_seed(measured, "worst", RESIDUAL), HARMLESS)
    says = {
        "supported": "The residual net hardly notices a missing unit, and the plain one is destroyed",
        "contradicted": "The residual net notices a missing unit, and the plain one is not destroyed",
        "depends": "One half of the claim holds",
    }
    return judge(measured, (harmless, destroyed), learnt, says=says, beside=(worst,))


STUDY = Study(
    name="lesions",
    title="Can a trained net lose a unit?",
    claim="Removing a unit hardly matters to a trained residual net, and destroys a plain one.",
    source="Veit et al. 2016, §4.1 (arXiv:1605.06431)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    questions=(QUESTION,),
    budgets=("minute", "lesson", "lesson-cifar", "quarter", "paper"),
)
