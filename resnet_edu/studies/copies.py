"""Does a residual unit with weights near zero copy its input?

Question   What does a unit put out at the start, if its weights are drawn close to zero?
Source     Géron, Hands-On Machine Learning, ch. 14: "its weights are close to zero, so the network just
           outputs values close to zero"; with a skip "it just outputs a copy of its inputs".
Arms       {plain, residual} × {batch norm, none}: dense nets of 20 layers, weights from N(0, 0.01²), at their
           start × 5 seeds. Nothing is trained.
Command    resnet-edu study copies
Cost       20 answers of a worker, some seconds.

Decision rule, fixed before any answer
    copy   ‖F(x)‖ : ‖x‖ of the residual units, median over units, by seed: below 0.1
    zero   ‖y‖ of a plain unit's output : ‖y‖ of the unit before it, median over units, by seed: below 0.1
    without norm       both parts hold → the claim holds
    with batch norm    the same two parts
    supported if it holds both with and without norm, contradicted if with neither, `depends` (on the norm) if
    with one of them.

Caveats    A norm divides by the spread of what comes in, however small: that is why it may matter here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.experiment.parts import BatchNorm, NoNorm
from resnet_edu.studies.arms import each_seed, named
from resnet_edu.studies.effects import Effect, agreed, below, listed
from resnet_edu.studies.study import Measured, Question, Study, Verdict, read_answer
from resnet_edu.studies.tables import by_seed, start_table, summary

SEEDS = (0, 1, 2, 3, 4)
SMALL = 0.1
NORMS = {"none": "without norm", "batch": "with batch norm"}
QUESTION = Question("contributions", {"step": 0, "of": "train", "statistics": "batch"})


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    nets = [
        named(budget, f"dense-{twin}-20", norm=norm, init="small-normal")
        for twin, norm in itertools.product(("plain", "resnet"), (NoNorm(), BatchNorm()))
    ]
    return each_seed(budget, nets, seeds)


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a net: `size`, the median over units of ‖F(x)‖ : ‖x‖."""
    return start_table(runs, _rows)


def _rows(run: Measured) -> list[dict[str, object]]:
    answer, net = read_answer(run, QUESTION), run.experiment.net
    if answer is None:
        return []
    if net.plain:  # a plain unit's input is the output of the unit before it
        outputs = answer.arrays["output"]
        sizes = outputs[1:] / outputs[:-1]
    else:
        sizes = answer.arrays["ratio"]
    twin = "plain" if net.plain else "residual"
    return [{"arm": f"{twin} {NORMS[net.norm.kind]}", "size": float(np.median(sizes))}]


def verdict(measured: pd.DataFrame) -> Verdict:
    effects: dict[str, tuple[Effect, Effect]] = {}
    for kind, words in NORMS.items():
        copy, zero = (by_seed(measured, "size", f"{twin} {words}") for twin in ("residual", "plain"))
        effects[kind] = (
            below(f"residual units {words}, branch : input", copy, SMALL, ""),
            below(f"plain units {words}, output : input", zero, SMALL, ""),
        )
    holds = [agreed(effect.word for effect in pair) for pair in effects.values()]
    word = agreed("contradicted" if each == "depends" else each for each in holds)
    begins = {
        "supported": "Near zero, residual units copy and plain ones give almost zero, with and without norm.",
        "contradicted": "Neither with nor without norm do units behave as the claim says.",
        "depends": "It depends on the norm.",
    }.get(word, "Not settled.")
    every = [effect for pair in effects.values() for effect in pair]
    return Verdict(word, " ".join([begins, listed(every)]), {}, tuple(every))


STUDY = Study(
    name="copies",
    title="Does a residual unit with weights near zero copy its input?",
    claim="With weights near zero a residual unit outputs a copy of its input, a plain one almost zero.",
    source="Géron, Hands-On Machine Learning, ch. 14",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    questions=(QUESTION,),
    trained=False,
    budgets=("minute",),
    seeds=SEEDS,
)
