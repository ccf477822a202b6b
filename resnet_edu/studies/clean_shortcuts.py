"""Do clean shortcuts beat all others?

Question   Does a deep net train worse if its shortcut scales, gates, convolves or drops what it carries?
Source     He 2016 (arXiv 1603.05027) Table 1: ResNet-110 has 6.61 % with the identity, and more with each
           other.
Arms       dense residual nets of 50 layers with the identity; with ½x + F(x); with an exclusive gate and a
           shortcut-only gate (bias −6); with a linear layer; with dropout ½ on the shortcut × seeds 0, 1, 2.
Command    resnet-edu study clean_shortcuts --budget minute
Cost       18 trainings of dense nets, half a minute on two laptop cores at `minute`.

Decision rule, fixed before any run
    worse = training error of the variant − that of the identity, by seed: at least 1 point.
    The claim is supported if every variant is worse, contradicted if none is, and `depends` (on the shortcut)
    if some are, each by both 95 % bounds. It is not settled unless the identity has learnt: below 45 %.

Caveats    The paper compares test errors of convolutional nets. Dropout raises a training error by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.experiment.parts import (
    ConvShortcut,
    DropoutShortcut,
    ExclusiveGate,
    ScaledShortcut,
    ShortcutGate,
)
from resnet_edu.studies.arms import SEEDS, each_seed, named
from resnet_edu.studies.effects import at_least, below
from resnet_edu.studies.study import Measured, Study, Verdict
from resnet_edu.studies.tables import by_seed, differences, judge, last_errors, summary, table

IDENTITY = "dense-resnet-50"
VARIANTS = (ScaledShortcut(), ExclusiveGate(), ShortcutGate(), ConvShortcut(), DropoutShortcut())
WORSE, LEARNT = 1.0, 45.0  # percentage points, % error


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    changed = [named(budget, IDENTITY, shortcut=shortcut) for shortcut in VARIANTS]
    return each_seed(budget, [IDENTITY, *changed], seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: arm, seed, and its last errors in %."""
    return table(runs, last_errors)


def verdict(measured: pd.DataFrame) -> Verdict:
    learnt = below(
        "training error with the identity", by_seed(measured, "train_error", IDENTITY), LEARNT, "%"
    )
    worse = {
        shortcut.kind: at_least(
            f"training error, {shortcut.kind} − identity",
            differences(measured, "train_error", f"{IDENTITY}-{shortcut.kind}", IDENTITY),
            WORSE,
        )
        for shortcut in VARIANTS
    }
    alike = [kind for kind, effect in worse.items() if effect.word == "contradicted"]
    says = {
        "supported": "Every other shortcut trains worse than the identity",
        "contradicted": "No other shortcut trains worse than the identity",
        "depends": f"Not worse than the identity: {', '.join(alike)}",
    }
    return judge(measured, list(worse.values()), (learnt,), says=says)


STUDY = Study(
    name="clean_shortcuts",
    title="Do clean shortcuts beat all others?",
    claim="Clean identity shortcuts beat scaled, gated, convolutional and dropped ones.",
    source="He et al. 2016, Table 1 (arXiv:1603.05027)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
)
