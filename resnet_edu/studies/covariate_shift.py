"""Does batch norm help because it reduces covariate shift?

Question   With batch norm, does a net learn faster? And do the statistics of its layers' inputs drift less?
Source     Ioffe 2015 (arXiv 1502.03167): batch norm speeds training up because it reduces internal covariate
           shift. Santurkar 2018 (arXiv 1805.11604) §2: nets with norm and more drift train as fast.
Arms       {plain, residual} × {batch norm, none}: dense nets of 8 layers at a learning rate of 0.01, at which
           those without norm train too × seeds 0, 1, 2.
Command    resnet-edu study covariate_shift --budget minute
Cost       12 trainings of dense nets, some seconds, and 24 answers of a second.

Decision rule, fixed before any run
    drift = |mean of a ReLU's output after training − mean at the start|, in standard deviations at the start,
    on training images, median over the ReLUs, whose outputs are the next layers' inputs.
    faster   steps until the mean loss of ten batches is at most 0.5 nats, none : batch norm, as a binary
             logarithm, by seed: at least 0.138, which is 1.1 times as many steps
    steadier drift, none : batch norm, as a binary logarithm, by seed: at least 0
    Both for plain and for residual nets.
    contradicted   in a kind of net batch norm is faster, and its drift is not smaller: that is no reason
    otherwise      not settled: where it is faster and drifts less, one may cause the other or not. A net with
                   batch norm and noise that makes it drift would settle it (Santurkar 2018 §2.2).
    So this rule can contradict the claim and cannot support it.

Caveats    Only the means' drift from start to end is measured, and not its way.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from resnet_edu.experiment import Experiment
from resnet_edu.experiment.parts import BatchNorm, NoNorm
from resnet_edu.studies.arms import SEEDS, each_seed, named
from resnet_edu.studies.effects import UNSETTLED, Effect, at_least, listed
from resnet_edu.studies.study import Measured, Question, Study, Verdict, read_answer
from resnet_edu.studies.tables import caveats, last_errors, log2_ratios, steps_until, summary, table

LR, LOSS, FASTER = 0.01, 0.5, 1.1  # learning rate, nats, times as many steps
NORMS = {"batch": "batch norm", "none": "no norm"}
START, END = QUESTIONS = (Question("activations", {"step": 0}), Question("activations", {}))


def arms(budget: str, seeds: Sequence[int] = SEEDS) -> list[Experiment]:
    nets = [
        named(budget, f"dense-{twin}-8", norm=norm)
        for twin, norm in itertools.product(("plain", "resnet"), (BatchNorm(), NoNorm()))
    ]
    return [
        dataclasses.replace(arm, recipe=dataclasses.replace(arm.recipe, lr=LR))
        for arm in each_seed(budget, nets, seeds)
    ]


def name(experiment: Experiment) -> str:
    """'plain, batch norm'."""
    net = experiment.net
    return f"{'plain' if net.plain else 'residual'}, {NORMS[net.norm.kind]}"


def measure(runs: Iterable[Measured]) -> pd.DataFrame:
    """One row a run: last errors in %, `steps` until the loss is low, and `drift`."""
    return table(
        runs,
        lambda run: {**last_errors(run), "steps": steps_until(run, LOSS), "drift": _drift(run)},
        arm=name,
    )


def _drift(run: Measured) -> float:
    start, end = (read_answer(run, question) for question in QUESTIONS)
    if start is None or end is None:
        return math.nan
    moved = np.abs(end.arrays["mean"] - start.arrays["mean"])
    return float(np.median(moved / start.arrays["sd"]))


def verdict(measured: pd.DataFrame) -> Verdict:
    found = {twin: _compared(measured, twin) for twin in ("plain", "residual")}
    against = [
        twin
        for twin, (faster, steadier) in found.items()
        if (faster.word, steadier.word) == ("supported", "contradicted")
    ]
    both = [twin for twin, pair in found.items() if all(each.word == "supported" for each in pair)]
    word = "contradicted" if against else UNSETTLED
    begins = f"Batch norm is faster, and its drift is not smaller: {' and '.join(against)} nets."
    if not against and both:
        begins = (
            f"Batch norm is faster and drifts less in {' and '.join(both)} nets; whether one causes the "
            "other takes a net with batch norm and noise that makes it drift."
        )
    elif not against:
        begins = "Not settled: whether batch norm is faster and drifts less is open in both kinds of nets."
    effects = [effect for pair in found.values() for effect in pair]
    return Verdict(word, " ".join([begins, listed(effects), *caveats(measured)]), {}, tuple(effects))


def _compared(measured: pd.DataFrame, twin: str) -> tuple[Effect, Effect]:
    pair = (f"{twin}, {NORMS['none']}", f"{twin}, {NORMS['batch']}")
    faster, steadier = (log2_ratios(measured, value, *pair) for value in ("steps", "drift"))
    label = f"no norm : batch norm, {twin}"
    return (
        at_least(f"steps, {label}", faster, math.log2(FASTER), "doublings"),
        at_least(f"drift, {label}", steadier, 0.0, "doublings"),
    )


STUDY = Study(
    name="covariate_shift",
    title="Does batch norm help because it reduces covariate shift?",
    claim="Batch norm helps because it reduces covariate shift.",
    source="Ioffe and Szegedy 2015 (arXiv:1502.03167); Santurkar et al. 2018 (arXiv:1805.11604)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    questions=QUESTIONS,
)
