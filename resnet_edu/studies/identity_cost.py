"""What do identity shortcuts cost?

Question   How many parameters and multiply-adds does a net gain with identity shortcuts, against its plain
           twin?
Source     He 2015 §3.1: "the shortcut connections in Eqn. (1) introduce neither extra parameter nor
           computation complexity", but for "the negligible element-wise addition".
Arms       None: both are counted from the nets' descriptions (see `anatomy`), for plain twins and options A,
           B, C of CIFAR nets of 20, 56 and 110 layers, and A and B of ImageNet nets of 18 and 34.
Command    resnet-edu study identity_cost
Cost       Nothing is trained, and no net is built.

Decision rule, fixed before any count
    exact          with option A no net has one parameter or one multiply-add more than its plain twin
    contradicted   one net has
    Additions are counted apart: one for each value of a unit's output. Reported beside it, and not part of
    the verdict: what projections (B, C) add, in % of the plain twin's parameters.

Caveats    Time is not counted here: it depends on the machine. The recorded runs have their seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu import anatomy
from resnet_edu.experiment import Experiment, Net, NoShortcut, PadShortcut, budgets
from resnet_edu.experiment import ProjectionEverywhere as Everywhere
from resnet_edu.experiment import ProjectionShortcut as Projection
from resnet_edu.studies.effects import Effect
from resnet_edu.studies.study import Measured, Study, Verdict

NETS = ("resnet-20", "resnet-56", "resnet-110", "resnet-18", "resnet-34")


def arms(budget: str, seeds: Sequence[int] = ()) -> list[Experiment]:
    return []


def measure(runs: Iterable[Measured] = ()) -> pd.DataFrame:
    """One row a net and shortcut: `parameters`, `macs` and `additions` an image, and `more_parameters` and
    `more_macs` than its plain twin has. `runs` is not read."""
    rows = []
    for name in NETS:
        net = budgets.at("paper", name).net
        plain = _costs(dataclasses.replace(net, shortcut=NoShortcut()))
        options = (PadShortcut(), Projection(), *(() if net.kind == "imagenet" else (Everywhere(),)))
        for shortcut in options:
            costs = _costs(dataclasses.replace(net, shortcut=shortcut))
            more = {f"more_{key}": costs[key] - plain[key] for key in ("parameters", "macs")}
            rows.append({"net": name, "shortcut": shortcut.kind, **costs, **more})
    return pd.DataFrame(rows)


def _costs(net: Net) -> dict[str, int]:
    parts = anatomy.parts(net)
    adds = 0 if net.plain else sum(_size(part.shape) for part in parts if part.kind == "unit")
    return {
        "parameters": sum(part.parameters for part in parts),
        "macs": sum(part.macs for part in parts),
        "additions": adds,
    }


def _size(shape: tuple[int, ...]) -> int:
    return shape[0] if len(shape) == 1 else shape[0] * _size(shape[1:])


def verdict(measured: pd.DataFrame) -> Verdict:
    identity = measured[measured["shortcut"] == "A"]
    most = int(identity[["more_parameters", "more_macs"]].abs().to_numpy().max())
    word = "exact" if most == 0 else "contradicted"
    effect = Effect(
        "more parameters or multiply-adds with option A, at most",
        "",
        len(identity),
        most,
        most,
        most,
        0,
        1,
        word,
    )
    share = 100 * measured["additions"] / measured["macs"]
    projected = measured[measured["shortcut"] == "B"]
    extra = 100 * projected["more_parameters"] / (projected["parameters"] - projected["more_parameters"])
    sentence = (
        "With option A no net has one parameter or multiply-add more than its plain twin; its additions are "
        f"{share.max():.2g} % of the multiply-adds or fewer. "
        f"Projections where sizes change (B) add {extra.min():.2g} to {extra.max():.2g} % parameters."
    )
    if most:
        sentence = f"With option A a net has {most:,} parameters or multiply-adds more than its plain twin."
    return Verdict(word, sentence, {}, (effect,))


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    return measured


STUDY = Study(
    name="identity_cost",
    title="What do identity shortcuts cost?",
    claim="Identity shortcuts add neither parameters nor computation to speak of.",
    source="He et al. 2015, §3.1 (arXiv:1512.03385)",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    budgets=("minute",),
    seeds=(),
)
