"""Does what came before skips lift the depth limit?

Question   Can a deep plain net be trained as well as a residual one by batch norm, other initial weights,
           dropout or greedy training?
Source     Articles on residual units: these are how deep nets were trained before, and only skips lift the
           limit. Ioffe 2015 (norm), Saxe 2014 (orthogonal weights), Srivastava 2014 (dropout), Bengio 2007
           (greedy layer-wise training).
Arms       dense-plain-50 with batch norm and He's weights; without norm; with orthogonal weights; with
           dropout 0.2; and greedy, 6 units at a time in four phases, then all: each phase has a fifth of the
           steps. And dense-resnet-50 with batch norm × seeds 0, 1, 2. All have the same number of steps.
Command    resnet-edu study before_skips --budget minute
Cost       18 trainings of dense nets, under a minute on two laptop cores at `minute`.

Decision rule, fixed before any run
    behind = training error of the plain net with a remedy − that of the residual net, by seed: at least 5
    points.
    The claim is supported if the plain net is behind with every remedy, contradicted if with none, and
    `depends` (on the remedy) if with some, each by both 95 % bounds. It is not settled unless the residual
    net has learnt: a training error below 45 %.
    Reported beside it: what each of the last three gains over batch norm and He's weights, at least 5 points.

Caveats    Dropout raises the training loss by itself, but is off where the error is measured. A greedy phase
           has the whole learning rate schedule in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.experiment.parts import NoNorm
from resnet_edu.studies.arms import SEEDS, each_seed, named
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import by_seed, differences, judge, last_errors, summary, table

PLAIN, RESIDUAL = "dense-plain-50", "dense-resnet-50"
DROPOUT, PHASES = 0.2, 4
NORM, SKIPS = "batch norm", "skips"
REMEDIES = (NORM, "no norm", "orthogonal", "dropout", "greedy")
BEHIND, LEARNT = 5.0, 45.0  # percentage points, % error


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    nets = [RESIDUAL, PLAIN, named(budget, PLAIN, norm=NoNorm()), named(budget, PLAIN, init="orthogonal")]
    plain = each_seed(budget, (PLAIN,), seeds)
    return [
        *each_seed(budget, nets, seeds),
        *(_with(arm, dropout=DROPOUT) for arm in plain),
        *(_with(arm, greedy=PHASES) for arm in plain),
    ]


def _with(arm: Experiment, **recipe: float) -> Experiment:
    return dataclasses.replace(arm, recipe=dataclasses.replace(arm.recipe, **recipe))  # type: ignore[arg-type]


def name(experiment: Experiment) -> str:
    """The remedy: one of `REMEDIES`, or `SKIPS`."""
    net, recipe = experiment.net, experiment.recipe
    if not net.plain:
        return SKIPS
    if recipe.greedy or recipe.dropout:
        return "greedy" if recipe.greedy else "dropout"
    if isinstance(net.norm, NoNorm):
        return "no norm"
    return NORM if net.init == "he" else net.init


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: its remedy, seed, and last errors in %."""
    return table(runs, last_errors, arm=name)


def verdict(measured: pd.DataFrame) -> Verdict:
    learnt = below("training error with skips", by_seed(measured, "train_error", SKIPS), LEARNT, "%")
    behind = {
        remedy: at_least(
            f"training error, plain with {remedy} − residual",
            differences(measured, "train_error", remedy, SKIPS),
            BEHIND,
        )
        for remedy in REMEDIES
    }
    gains = [
        at_least(
            f"training error, {NORM} − {remedy}", differences(measured, "train_error", NORM, remedy), BEHIND
        )
        for remedy in REMEDIES[2:]
    ]
    level = [remedy for remedy, effect in behind.items() if effect.word == "contradicted"]
    says = {
        "supported": "With every remedy the plain net stays behind the residual one",
        "contradicted": "With each remedy the plain net trains as well as the residual one",
        "depends": f"The plain net trains as well as the residual one with: {', '.join(level)}",
    }
    return judge(measured, list(behind.values()), (learnt,), says=says, beside=gains)


STUDY = Study(
    name="before_skips",
    title="Does what came before skips lift the depth limit?",
    claim="Norms, good initial weights, dropout and greedy training help; only skips lift the depth limit.",
    source="articles on residual units",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
)
