"""Does a chain of numbers foretell a real net's gradient?

Question   Tutorials make every unit multiplication by w: wⁿ in a plain net, (1 + w)ⁿ in a residual one. With
           w fitted to one unit of a real net, how far off is the first unit's gradient?
Source     Widespread in tutorials, after He 2016 eq. 5; see `formulas.chain`.
Arms       {plain, residual} × {20, 50, 100} dense layers × {batch norm, none}, He weights, at their start ×
           5 seeds. Nothing is trained.
Command    resnet-edu study chain
Cost       60 answers of a worker, about a minute.

Decision rule, fixed before any answer
    w is fitted to the unit in the middle, n // 2: by how much the gradient's norm grows from behind that unit
    to before it. off = |log₁₀| of the chain's first : last ratio over the measured one, by seed.
    supported      in every arm off is below 1, a factor of ten
    contradicted   in every arm it is 1 or more
    depends        some arms are below and the others above; each by both 95 % bounds, else not settled
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.experiment.parts import BatchNorm, NoNorm
from resnet_edu.studies import formulas
from resnet_edu.studies.arms import each_seed, named
from resnet_edu.studies.effects import below
from resnet_edu.studies.study import Measured, Question, Study, Verdict, read_answer
from resnet_edu.studies.tables import by_seed, judge, start_table, summary

SEEDS = (0, 1, 2, 3, 4)
DEPTHS = (20, 50, 100)
FACTOR = 1.0  # powers of ten
NORMS = {"batch": "batch norm", "none": "no norm"}
QUESTION = Question("fresh_profile", {"step": 0})


def arms(budget: str, seeds: Sequence[int] = SEEDS, depths: Sequence[int] | None = None) -> list[Experiment]:
    nets = [
        named(budget, f"dense-{twin}-{depth}", norm=norm)
        for depth, norm, twin in itertools.product(
            depths or DEPTHS, (BatchNorm(), NoNorm()), ("plain", "resnet")
        )
    ]
    return each_seed(budget, nets, seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a net: `measured` and `chain`, the base-10 logarithms of the gradient's first : last ratio, and
    `off`, the size of their difference."""
    return start_table(runs, _rows)


def _rows(run: Measured) -> list[dict[str, object]]:
    answer, net = read_answer(run, QUESTION), run.experiment.net
    if answer is None:
        return []
    twin = "plain" if net.plain else "residual"
    row: dict[str, object] = {"arm": f"{twin}, {NORMS[net.norm.kind]}, {net.depth}"}
    return [row | off_by(answer.arrays["activation_gradient"][0], residual=not net.plain)]


def off_by(gradient: np.ndarray, *, residual: bool) -> dict[str, float]:
    """How far the chain is off for these norms [units]; NaN where no w can be fitted."""
    norms, units = gradient.tolist(), len(gradient)
    try:
        w = formulas.fitted_w(norms, units // 2, residual=residual)
    except ValueError:
        return dict.fromkeys(("measured", "chain", "off"), math.nan)
    chain = formulas.chain(units, w, residual=residual).tolist()
    ratios = [formulas.first_to_last(each) for each in (norms, chain)]
    found, says = (math.log10(ratio) if ratio > 0 else math.nan for ratio in ratios)
    return {"measured": found, "chain": says, "off": abs(says - found)}


def verdict(measured: pd.DataFrame) -> Verdict:
    kinds = [str(arm) for arm in measured["arm"].unique()]
    effects = [
        below(f"{arm} layers, off by", by_seed(measured, "off", arm), FACTOR, "powers of ten")
        for arm in kinds
    ]
    within = [each.label.removesuffix(" layers, off by") for each in effects if each.word == "supported"]
    says = {
        "supported": "The chain is within a factor of ten everywhere",
        "contradicted": "The chain is off by more than a factor of ten everywhere",
        "depends": f"The chain is within a factor of ten in some nets only ({'; '.join(within)})",
    }
    return judge(measured, effects, says=says)


STUDY = Study(
    name="chain",
    title="Does a chain of numbers foretell a real net's gradient?",
    claim="A plain gradient is a product wⁿ, a residual one (1 + w)ⁿ: the +1 saves it.",
    source="widespread in tutorials, after He et al. 2016, eq. 5",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    questions=(QUESTION,),
    trained=False,
    budgets=("minute",),
    seeds=SEEDS,
    by_depth=True,
)
