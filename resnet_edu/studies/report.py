"""The comparisons of a study as sentences fit for a projector."""

from __future__ import annotations

import math

import pandas as pd

from resnet_edu.studies.evidence import Comparison, Evidence, Side

_TITLES = {
    "train_error": "training error %",
    "train_error_batch": "with batch statistics %",
    "test_error": "test error %",
}
_HEADLINES = {
    "supported": "{} nets get worse with depth",
    "contradicted": "{} nets get no worse with depth",
    "depends": "{} nets: it depends on how batch normalisation is evaluated",
    "not settled at this budget": "{} nets: not settled at this budget",
}


def sentence(evidence: Evidence) -> str:
    """The plain nets' verdict and numbers, the residual twins', and whatever qualifies them."""
    plain, residual, shortcut = (evidence["plain"], evidence["residual"], evidence["shortcut"])
    parts = [_clause("Plain", evidence["word"], plain, evidence)]
    if plain["n"]:
        parts.append(f"(After {evidence['steps']:,} steps; {_seeds(plain['n'])}.)")
    parts.append(_clause("Residual", residual["word"], residual, evidence))
    if shortcut["n"]:
        depth = shortcut["worse"]["depth"]
        parts.append(f"At {depth} layers the shortcut is worth {_points(shortcut)}.")
    return " ".join(parts + _caveats(evidence)).replace("-", "−")


def _clause(nets: str, word: str, compared: Comparison, evidence: Evidence) -> str:
    reason = _reason(word, compared, evidence)
    headline = _HEADLINES[word].format(nets) + (f" ({reason})" if reason else "")
    if not compared["n"]:
        return f"{headline}."
    deep, shallow = compared["worse"], compared["better"]
    deep_error, shallow_error = _error(deep, compared["n"]), _error(shallow, compared["n"])
    return (
        f"{headline}: {deep['depth']} layers end at {deep_error} training error, "
        f"{shallow['depth']} layers at {shallow_error}, a difference of {_points(compared)}."
    )


def _reason(word: str, compared: Comparison, evidence: Evidence) -> str:
    if word != "not settled at this budget":
        return ""
    if compared["worse"]["depth"] == compared["better"]["depth"]:
        return "it takes two depths"
    if compared["n"] < evidence["min_seeds"]:
        return f"the rule needs {evidence['min_seeds']} seeds at both depths; ended so far: {compared['n']}"
    if not compared["learnt"]:
        return "the shallow net has not learnt either"
    if word != compared["word"]:
        return "the error with batch statistics does not agree"
    return f"the bounds lie on both sides of {evidence['margin']:g} point"


def _caveats(evidence: Evidence) -> list[str]:
    plain, batch, diverged = evidence["plain"], evidence["plain_batch"], evidence["diverged"]
    caveats = []
    if batch["n"]:
        settled = evidence["word"] == plain["word"] == batch["word"] != "not settled at this budget"
        so = ", so lagging statistics do not fake it" if settled else ""
        caveats.append(f"With batch statistics the plain difference is {batch['mean']:+.1f} points{so}.")
    if diverged:
        caveats.append(f"{_runs(diverged)} diverged: counted as chance, {evidence['chance']:g} % error.")
    if evidence["unfinished"]:
        caveats.append(f"{_runs(evidence['unfinished'])} without a final error: not counted.")
    return caveats


def _points(compared: Comparison) -> str:
    bounds = f" (95 % bounds {compared['low']:+.1f} and {compared['high']:+.1f})" if compared["n"] > 1 else ""
    return f"{compared['mean']:+.1f} points{bounds}"


def _error(side: Side, n: int) -> str:
    return f"{side['error']:.1f} ± {side['sd']:.1f} %" if n > 1 else f"{side['error']:.1f} %"


def _seeds(n: int) -> str:
    return f"mean ± sd over {n} seeds" if n > 1 else "1 seed"


def _runs(names: list[str]) -> str:
    return f"{len(names)} run" if len(names) == 1 else f"{len(names)} runs"


def shown(summary: pd.DataFrame) -> pd.DataFrame:
    """A study's summary for people: what identifies a row, its seeds, and each value as 'mean ± sd'."""
    values = [name.removesuffix("_sd") for name in summary.columns if name.endswith("_sd")]
    keys = [name for name in summary.columns if name not in {*values, *(f"{value}_sd" for value in values)}]
    table = summary[keys].rename(columns={"depth": "layers", "n": "seeds"})
    for value in values:
        pairs = zip(summary[value], summary[f"{value}_sd"], strict=True)
        title = _TITLES.get(value, value.replace("_", " "))
        table[title] = [f"{number(mean)} ± {number(sd)}" for mean, sd in pairs]
    return table


def number(value: float) -> str:
    """Two decimals, or three digits of what is tiny or huge; '–' where there is no number."""
    if not math.isfinite(value):
        return "–"
    return f"{value:.2f}" if value == 0 or 0.01 <= abs(value) < 1e4 else f"{value:.3g}"
