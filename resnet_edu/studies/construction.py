"""Is there a good deeper plain net that training does not find?

Question   Can a trained plain net be grown by identity layers without losing anything, and does training from
           scratch at the greater depth end up worse all the same?
Source     He 2015 §1: "There exists a solution by construction to the deeper model", but "our current solvers
           on hand are unable to find solutions that are comparably good".
Arms       plain-20 and plain-56 × seeds 0, 1, 2: runs of the degradation study. Each trained plain-20 is
           grown to 56 layers by the probe `deepened`.
Command    resnet-edu study construction --budget minute
Cost       6 trainings at `minute`, none after the degradation study, and 6 answers of a second.

Decision rule, fixed before any run
    exists      |loss of the grown net − loss of plain-20| on the training set, eval mode: below 0.001 nats
    not found   training error, plain-56 from scratch − plain-20, by seed: at least 1 point
    The claim is supported if both parts are, contradicted if neither is, and `depends` if one is. It is not
    settled unless plain-20 has learnt: a training error below 45 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Question, Study, Verdict, read_answer
from resnet_edu.studies.tables import by_seed, differences, judge, last_errors, summary, table

SHALLOW, DEEP = "plain-20", "plain-56"
MOVED, MARGIN, LEARNT = 1e-3, 1.0, 45.0  # nats, percentage points, % error
QUESTION = Question("deepened", {"depth": 56})


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, (DEEP, SHALLOW), seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, its last errors in %, and `moved`, in nats, what growing it changes."""
    return table(runs, lambda run: {**last_errors(run), "moved": _moved(run)})


def _moved(run: Measured) -> float:
    answer = read_answer(run, QUESTION)
    return math.nan if answer is None else float(answer.facts["moved"])


def verdict(measured: pd.DataFrame) -> Verdict:
    learnt = below(f"training error of {SHALLOW}", by_seed(measured, "train_error", SHALLOW), LEARNT, "%")
    exists = below(f"loss that growing {SHALLOW} changes", by_seed(measured, "moved", SHALLOW), MOVED, "nats")
    missed = at_least(
        f"training error, {DEEP} from scratch − {SHALLOW}",
        differences(measured, "train_error", DEEP, SHALLOW),
        MARGIN,
    )
    says = {
        "supported": "The deeper solution exists, and training from scratch does not find it",
        "contradicted": "Growing the net changes it, and training from scratch does as well",
        "depends": "One half of the claim holds",
    }
    return judge(measured, (exists, missed), (learnt,), says=says)


STUDY = Study(
    name="construction",
    title="Is there a good deeper plain net that training does not find?",
    claim="A deeper plain net can equal the shallower one by identity layers; the solver does not find it.",
    source="He et al. 2015, §1 (arXiv:1512.03385)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    questions=(QUESTION,),
)
