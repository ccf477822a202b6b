"""Do gradients shatter with depth?

Question   At the start, how does the correlation of gradients at nearby inputs fall with depth?
Source     Balduzzi 2017 (arXiv 1702.08591): R = 1/2ᴸ in plain rectifier nets of L layers (Theorem 1), and
           R ∼ 1/(β√L) in residual nets of L units with batch norm (Theorem 3); see `formulas.correlation`.
Arms       plain and residual dense nets with batch norm and He weights, of 4 … 200 layers, at their start ×
           5 seeds. Nothing is trained.
Command    resnet-edu study shattering
Cost       110 answers of a worker, about a minute.

Decision rule, fixed before any answer
    r(depth) = mean cosine of the gradients at the first unit's output, at 64 images and the same images moved
    by 1 %. A law is a straight line through its logarithm, by least squares, for each seed, over the depths
    where r is at least 0.05 (below, 64 images tell it from zero no more). At least three depths are needed.
    plain      slope of log₂ r against layers (those behind the first unit): −2 to −0.5; Theorem 1 says −1
    residual   slope of log₂ r against log₂ of the units behind it: −0.75 to −0.25; Theorem 3 says −0.5
    The claim is supported if both laws hold, contradicted if neither does, and `depends` if one does.
    Reported beside it: r of the residual net minus r of the plain net at the deepest, at least 0.2, which is
    the claim without its laws.

Caveats    The theorems are about inputs whose rectifiers agree as often as those of unrelated inputs, and
           nets without the wide layers' noise. Inputs moved by 1 % agree nearly always, so a slower fall at
           first is no contradiction of the theorems, but of the sentence that is made of them.
           10, 18, 20 and 22 layers were added after a first run, in which three of five seeds had fewer than
           three depths above the floor; no threshold was changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.studies.arms import each_seed
from resnet_edu.studies.effects import at_least, within
from resnet_edu.studies.study import Measured, Question, Study, Verdict, read_answer
from resnet_edu.studies.tables import differences, judge, start_table, summary

SEEDS = (0, 1, 2, 3, 4)
DEPTHS = (4, 8, 10, 14, 18, 20, 22, 26, 50, 100, 200)
FLOOR, POINTS, APART = 0.05, 3, 0.2
QUESTION = Question("fresh_profile", {"step": 0})


def arms(budget: str, seeds: Sequence[int] = SEEDS, depths: Sequence[int] | None = None) -> list[Experiment]:
    nets = [f"dense-{twin}-{depth}" for depth in depths or DEPTHS for twin in ("plain", "resnet")]
    return each_seed(budget, nets, seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a net: `depth`, `behind`, the layers (plain) or units (residual) behind the first unit, and
    `correlation`, r."""
    return start_table(runs, _rows)


def _rows(run: Measured) -> list[dict[str, object]]:
    answer, net = read_answer(run, QUESTION), run.experiment.net
    if answer is None:
        return []
    units = len(answer.arrays["name"])
    row: dict[str, object] = {
        "arm": run.experiment.label,
        "twin": "plain" if net.plain else "residual",
        "depth": net.depth,
        "behind": (units - 1) * (2 if net.plain else 1),
        "correlation": float(answer.arrays["correlation"][0, 0]),
    }
    return [row]


def slopes(measured: pd.DataFrame, twin: str) -> dict[int, float]:
    """By seed, the slope of the law for this kind of net; NaN with fewer than three depths over the floor."""
    if measured.empty:
        return {}
    rows = measured[
        (measured["twin"] == twin) & (measured["behind"] > 0) & (measured["correlation"] >= FLOOR)
    ]
    found = {}
    for seed in measured["seed"].unique():
        own = rows[rows["seed"] == seed]
        x = own["behind"] if twin == "plain" else np.log2(own["behind"])
        fits = len(own) >= POINTS
        found[int(seed)] = float(np.polyfit(x, np.log2(own["correlation"]), 1)[0]) if fits else math.nan
    return found


def verdict(measured: pd.DataFrame) -> Verdict:
    plain = within("plain, log₂ of the correlation a layer", slopes(measured, "plain"), -2, -0.5, "")
    residual = within("residual, exponent of the units", slopes(measured, "residual"), -0.75, -0.25, "")
    deep = int(measured["depth"].max()) if len(measured) else DEPTHS[-1]
    apart = at_least(
        f"correlation at {deep} layers, residual − plain",
        differences(measured, "correlation", f"dense-resnet-{deep}", f"dense-plain-{deep}"),
        APART,
        "",
    )
    says = {
        "supported": "Both laws hold",
        "contradicted": "Neither law holds for the gradients at inputs that are 1 % apart",
        "depends": f"One law holds: {'plain' if plain.word == 'supported' else 'residual'}",
    }
    return judge(measured, (plain, residual), says=says, beside=(apart,))


def _shown(measured: pd.DataFrame) -> pd.DataFrame:
    return summary(measured.drop(columns=["twin"], errors="ignore"))


STUDY = Study(
    name="shattering",
    title="Do gradients shatter with depth?",
    claim="At the start, gradients at nearby inputs shatter: like 1/2ᴸ (plain) and 1/√L (residual).",
    source="Balduzzi et al. 2017, Theorems 1 and 3 (arXiv:1702.08591)",
    arms=arms,
    measure=measure,
    summary=_shown,
    verdict=verdict,
    questions=(QUESTION,),
    trained=False,
    budgets=("minute",),
    seeds=SEEDS,
    by_depth=True,
)
