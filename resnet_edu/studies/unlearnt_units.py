"""Does a net learn while several of its units have not begun to?

Question   If a third of the units keep their initial weights, how much worse does a residual net train? And
           its plain twin?
Source     Géron, Hands-On Machine Learning, ch. 14: with skips "the network can start making progress even if
           several layers have not started learning yet".
Arms       plain-20 and resnet-20, whole and with 3 of their 9 units frozen from the first step on × seeds
           0, 1, 2. The seed chooses the units, the same in both twins. The whole nets are runs of the
           degradation study.
Command    resnet-edu study unlearnt_units --budget minute
Cost       12 trainings at `minute`, 30 seconds on two laptop cores.

Decision rule, fixed before any run
    cost = training error with frozen units − training error of the whole net, by seed, in points.
    progress   cost to the residual net: below 5 points
    skips      cost to the plain net − cost to the residual net: at least 5 points
    The claim is supported if both parts are, contradicted if neither is, and `depends` if one is: a net that
    learns without skips as well owes nothing to them. It is not settled unless both whole nets have learnt:
    a training error below 20 %.
    Reported beside it: steps until the mean loss of ten batches is at most 0.5 nats, with frozen units over
    without, as a binary logarithm, in the residual net, below 1: less than twice as many.

Caveats    Frozen units are random features, and the norms before and behind them learn. A unit whose layers
           "have not started learning" would start later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import (
    by_seed,
    differences,
    judge,
    last_errors,
    log2_ratios,
    steps_until,
    summary,
    table,
)

PLAIN, RESIDUAL = "plain-20", "resnet-20"
FROZEN, LOSS = 3, 0.5  # units, nats
COST, SKIPS, LEARNT, SLOWER = 5.0, 5.0, 20.0, 1.0  # percentage points twice, % error, doublings


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    whole = each_seed(budget, (PLAIN, RESIDUAL), seeds)
    frozen = [
        dataclasses.replace(arm, recipe=dataclasses.replace(arm.recipe, frozen=FROZEN)) for arm in whole
    ]
    return [*whole, *frozen]


def name(experiment: Experiment) -> str:
    """'plain-20', 'plain-20 frozen'."""
    return f"{experiment.label}{' frozen' if experiment.recipe.frozen else ''}"


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, last errors in %, and `steps` until the loss is low."""
    return table(runs, lambda run: {**last_errors(run), "steps": steps_until(run, LOSS)}, arm=name)


def verdict(measured: pd.DataFrame) -> Verdict:
    learnt = [
        below(f"training error of the whole {net}", by_seed(measured, "train_error", net), LEARNT, "%")
        for net in (PLAIN, RESIDUAL)
    ]
    plain, residual = (
        differences(measured, "train_error", f"{net} frozen", net) for net in (PLAIN, RESIDUAL)
    )
    more = {seed: plain[seed] - residual[seed] for seed in plain if seed in residual}
    progress = below(f"what {FROZEN} frozen units cost {RESIDUAL}", residual, COST)
    skips = at_least(f"what they cost {PLAIN} more", more, SKIPS)
    slower = below(
        f"steps to a loss of {LOSS:g} nats, with them over without",
        log2_ratios(measured, "steps", f"{RESIDUAL} frozen", RESIDUAL),
        SLOWER,
        "doublings",
    )
    says = {
        "supported": "A residual net learns around frozen units, and a plain one does not",
        "contradicted": "Frozen units cost the residual net a lot, and no less than the plain one",
        "depends": "One half of the claim holds",
    }
    return judge(measured, (progress, skips), learnt, says=says, beside=(slower,))


STUDY = Study(
    name="unlearnt_units",
    title="Does a net learn while several of its units have not begun to?",
    claim="The net makes progress even while several layers have not started learning.",
    source="Géron, Hands-On Machine Learning, ch. 14",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    budgets=("minute", "lesson", "lesson-cifar", "quarter", "paper"),
)
