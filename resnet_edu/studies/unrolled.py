"""Is a residual net the sum of its branches?

Question   Is a unit's output the input plus every branch before it, and with linear branches a sum over
           paths?
Source     He 2016 eq. 4, x_L = x_l + Σ F(x_i), for f the identity; Veit 2016 §3, eq. 6: 2ⁿ paths.
Arms       resnet-20 (a ReLU after the addition) and resnet-20-pre (nothing after it) × seeds 0, 1, 2.
Command    resnet-edu study unrolled --budget minute
Cost       6 trainings at `minute` (20 seconds on two laptop cores), 12 answers of a second.

Decision rule, fixed before any run
    Relative errors of an identity, the largest over stages: below 0.0001 is rounding, 0.01 and more is not.
    paths   the last four units without their ReLUs, multiplied out into 16 paths, against their own output,
            in both nets: rounding
    sum     x₀ + Σ F(x_i) against x_n, stage by stage, in resnet-20-pre: rounding
    after   the same in resnet-20, whose ReLU follows the addition: rounding
    exact          all three are rounding
    depends        paths and sum are, and after is 0.01 or more: it depends on what follows the addition
    contradicted   paths or sum is 0.01 or more
    otherwise      not settled
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import SEEDS, each_seed
from resnet_edu.studies.effects import UNSETTLED, below, listed
from resnet_edu.studies.study import Measured, Question, Study, Verdict, read_answer
from resnet_edu.studies.tables import by_seed, caveats, summary, table

AFTER, CLEAN = "resnet-20", "resnet-20-pre"
ROUNDING, BROKEN = 1e-4, 1e-2
QUESTIONS = (Question("contributions", {}), Question("expansion", {}))


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    return each_seed(budget, (AFTER, CLEAN), seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: relative errors of the `sum` over branches and of the one over `paths`."""
    return table(runs, _misses)


def _misses(run: Measured) -> dict[str, float]:
    summed, expanded = (read_answer(run, question) for question in QUESTIONS)
    return {
        "sum": math.nan if summed is None else max(map(float, summed.facts["unrolled"]), default=math.nan),
        "paths": math.nan if expanded is None else float(expanded.facts["mismatch"]),
    }


def verdict(measured: pd.DataFrame) -> Verdict:
    paths = [
        below(f"paths of {net}, relative error", by_seed(measured, "paths", net), ROUNDING, "")
        for net in (AFTER, CLEAN)
    ]
    clean, after = (
        below(f"sum over branches of {net}, relative error", by_seed(measured, "sum", net), ROUNDING, "")
        for net in (CLEAN, AFTER)
    )
    effects = (clean, after, *paths)
    identities = [clean, *paths]
    if any(each.word == UNSETTLED for each in effects):
        word = UNSETTLED
    elif all(each.word == "supported" for each in effects):
        word = "exact"
    elif all(each.word == "supported" for each in identities):
        word = "depends" if after.low >= BROKEN else UNSETTLED
    else:
        word = "contradicted" if any(each.low >= BROKEN for each in identities) else UNSETTLED
    begins = {
        "exact": "Both sums are exact, to rounding.",
        "depends": "The sum over branches is exact where nothing follows the addition, and not where a ReLU "
        "does; the sum over paths is exact for units without ReLUs.",
        "contradicted": "A sum misses the net's own output by more than rounding.",
    }.get(word, "Not settled.")
    return Verdict(word, " ".join([begins, listed(effects), *caveats(measured)]), {}, effects)


STUDY = Study(
    name="unrolled",
    title="Is a residual net the sum of its branches?",
    claim="A residual net is its input plus all branches; with linear branches, a sum over 2ⁿ paths.",
    source="He et al. 2016, eq. 4 (arXiv:1603.05027); Veit et al. 2016, §3 (arXiv:1605.06431)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    questions=QUESTIONS,
)
