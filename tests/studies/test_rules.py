"""Each study's decision rule on planted tables: clear yes, clear no, mixed, too noisy, and arms that lack."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from planted import errors, planted

from resnet_edu import studies
from resnet_edu.studies import before_skips, chain, shattering
from resnet_edu.studies.effects import UNSETTLED

YES, NO, MIXED = "supported", "contradicted", "depends"
BAD, GOOD, NOISY = [80.0, 81, 82], [0.0, 0, 1], [0.0, 80, 3]


def _with(table, **columns):
    for name, by_arm in columns.items():
        table[name] = [by_arm[arm][seed] for arm, seed in zip(table["arm"], table["seed"], strict=True)]
    return table


def depths(deep, shallow, tests=(GOOD, GOOD)):
    """resnet-56 against resnet-8: training errors, and test errors."""
    named = {"resnet-56": (56, deep, tests[0]), "resnet-8": (8, shallow, tests[1])}
    return planted(
        {
            arm: {"depth": [d] * 3, "train_error": train, "test_error": test}
            for arm, (d, train, test) in named.items()
        }
    )


def speeds(plain, residual, tests=(GOOD, GOOD)):
    return planted(
        {
            "plain-20": {"steps": plain, "test_error": tests[0]},
            "resnet-20": {"steps": residual, "test_error": tests[1]},
        }
    )


def grown(moved, deep, shallow):
    return planted(
        {
            "plain-20": {"moved": moved, "train_error": shallow},
            "plain-56": {"moved": [0, 0, 0], "train_error": deep},
        }
    )


def deleted(plain, residual, intact=GOOD):
    return planted(
        {
            "plain-20": {"intact": intact, "damage": plain, "worst": plain},
            "resnet-20": {"intact": GOOD, "damage": residual, "worst": residual},
        }
    )


def sums(clean, after, paths):
    return planted(
        {"resnet-20-pre": {"sum": clean, "paths": paths}, "resnet-20": {"sum": after, "paths": paths}}
    )


def families(dense, convolutional):
    return errors(dense_plain_50=dense, dense_resnet_50=GOOD, plain_56=convolutional, resnet_56=GOOD)


def orders(original, full, steps, size=1000.0):
    named = {"original": (original, steps[0], 1000.0), "full-preactivation": (full, steps[1], size)}
    return planted(
        {
            arm: {"train_error": error, "steps": step, "parameters": [count] * 3}
            for arm, (error, step, count) in named.items()
        }
    )


def shortcuts(identity, others):
    kinds = ("scaled", "gate", "shortcut-gate", "conv", "dropout")
    found = {"dense-resnet-50": identity} | {
        f"dense-resnet-50-{kind}": numbers for kind, numbers in zip(kinds, others, strict=True)
    }
    return planted({arm: {"train_error": numbers} for arm, numbers in found.items()})


def gates(residual, highway, training=(GOOD, GOOD)):
    return planted(
        {
            "dense-resnet-50": {"test_error": residual, "train_error": training[0]},
            "dense-resnet-50-highway": {"test_error": highway, "train_error": training[1]},
        }
    )


def sized(shallow, deep, sizes=(100.0, 100.0)):
    named = {"resnet-8": (shallow, sizes[0]), "resnet-20": (shallow, 100.0), "resnet-56": (deep, sizes[1])}
    return planted(
        {arm: {"test_error": error, "parameters": [count] * 3} for arm, (error, count) in named.items()}
    )


def branches(eight, nested, two=GOOD):
    return errors(dense_resnet_50=two, dense_resnet_50_8layer=eight, dense_resnet_50_8layer_nested=nested)


def decayed(without, strong, damage, intact=GOOD):
    return planted(
        {
            "weight decay 0": {"size": without, "intact": GOOD, "damage": GOOD},
            "weight decay 0.01": {"size": strong, "intact": intact, "damage": damage},
        }
    )


def near_zero(copy, zero, copy_normed, zero_normed):
    arms = {
        "residual without norm": copy,
        "plain without norm": zero,
        "residual with batch norm": copy_normed,
        "plain with batch norm": zero_normed,
    }
    return planted({arm: {"size": numbers} for arm, numbers in arms.items()})


SMALL, LARGE, WIDE = [0.01, 0.02, 0.01], [0.9, 1.0, 0.9], [0.0, 2.0, 0.0]


def laws(plain, residual, depths=(8, 14, 20, 26)):
    """Gradients whose correlation is 2^(plain · layers) and units^residual."""
    rows = planted(
        {f"dense-{twin}-{depth}": {"depth": [depth] * 3} for twin in ("plain", "resnet") for depth in depths}
    )
    rows["twin"] = ["plain" if "plain" in arm else "residual" for arm in rows["arm"]]
    units = (rows["depth"] - 2) // 2 - 1
    rows["behind"] = np.where(rows["twin"] == "plain", 2 * units, units)
    noise = 1 + 0.01 * rows["seed"]
    rows["correlation"] = noise * np.where(
        rows["twin"] == "plain", 2.0 ** (plain * rows["behind"]), rows["behind"].astype(float) ** residual
    )
    return rows


def unlearnt(plain, residual, whole=GOOD):
    """Training errors with frozen units; the whole nets' is `whole`."""
    named = {"plain-20": whole, "resnet-20": whole, "plain-20 frozen": plain, "resnet-20 frozen": residual}
    steps = {arm: [100.0 + 10 * ("frozen" in arm)] * 3 for arm in named}
    return planted({arm: {"train_error": error, "steps": steps[arm]} for arm, error in named.items()})


def thousand(deep, tests):
    named = {"resnet-1202": (deep, tests), "resnet-110": (GOOD, GOOD)}
    return planted({arm: {"train_error": e, "test_error": t} for arm, (e, t) in named.items()})


def drifts(steps, drift, other=None):
    """Steps and drift of plain nets without norm, against 100 steps and a drift of 1; `other`: of the
    residual nets, by default the same."""
    rows = {}
    for twin, (slow, far) in {"plain": (steps, drift), "residual": other or (steps, drift)}.items():
        rows[f"{twin}, no norm"] = {"steps": slow, "drift": far}
        rows[f"{twin}, batch norm"] = {"steps": [100.0] * 3, "drift": [1.0] * 3}
    return planted(rows)


def remedies(residual, *errors_of):
    """Training errors of plain nets with each remedy, in the study's order."""
    named = {"skips": residual} | dict(zip(before_skips.REMEDIES, errors_of, strict=True))
    return planted({arm: {"train_error": numbers} for arm, numbers in named.items()})


def chains(**off):
    return planted({arm: {"off": numbers} for arm, numbers in off.items()})


CASES = [
    ("residual_depth", depths(GOOD, GOOD, ([1.0, 1, 1], [3.0, 3, 4])), YES),
    ("residual_depth", depths(BAD, GOOD), NO),
    ("residual_depth", depths(GOOD, GOOD), MIXED),
    ("residual_depth", depths(NOISY, GOOD), UNSETTLED),
    ("convergence", speeds([100, 110, 105], [50, 50, 50]), YES),
    ("convergence", speeds([50, 50, 50], [50, 50, 50], (BAD, GOOD)), NO),
    ("convergence", speeds([50, 50, 50], [50, 50, 50]), MIXED),
    ("convergence", speeds([50, 500, 20], [50, 50, 50]), UNSETTLED),
    ("construction", grown([1e-6] * 3, BAD, GOOD), YES),
    ("construction", grown([1.0, 1.1, 0.9], GOOD, GOOD), NO),
    ("construction", grown([1e-6] * 3, GOOD, GOOD), MIXED),
    ("construction", grown([1e-6] * 3, BAD, BAD), UNSETTLED),
    ("construction", grown([1e-6] * 3, NOISY, GOOD), UNSETTLED),
    ("lesions", deleted(BAD, GOOD), YES),
    ("lesions", deleted(GOOD, BAD), NO),
    ("lesions", deleted(BAD, BAD), MIXED),
    ("lesions", deleted(NOISY, GOOD), UNSETTLED),
    ("lesions", deleted(BAD, GOOD, intact=BAD), UNSETTLED),
    ("unrolled", sums([1e-7] * 3, [1e-7] * 3, [1e-7] * 3), "exact"),
    ("unrolled", sums([1e-7] * 3, [0.3, 0.4, 0.3], [1e-7] * 3), MIXED),
    ("unrolled", sums([1e-7] * 3, [0.3, 0.4, 0.3], [0.2, 0.2, 0.2]), NO),
    ("unrolled", sums([1e-7] * 3, [1e-3] * 3, [1e-7] * 3), UNSETTLED),
    ("single_layers", errors(dense_plain_50=BAD, dense_resnet_50_1layer=BAD), YES),
    ("single_layers", errors(dense_plain_50=BAD, dense_resnet_50_1layer=GOOD), NO),
    ("single_layers", errors(dense_plain_50=BAD, dense_resnet_50_1layer=NOISY), UNSETTLED),
    ("single_layers", errors(dense_plain_50=GOOD, dense_resnet_50_1layer=GOOD), UNSETTLED),
    ("dense_and_conv", families(BAD, BAD), YES),
    ("dense_and_conv", families(GOOD, GOOD), NO),
    (
        "dense_and_conv",
        families(GOOD, BAD),
        MIXED,
    ),
    (
        "dense_and_conv",
        families(NOISY, BAD),
        UNSETTLED,
    ),
    ("preactivation", orders(BAD, GOOD, ([200.0, 210, 220], [50.0, 50, 50])), YES),
    ("preactivation", orders(GOOD, BAD, ([50.0, 50, 50], [50.0, 50, 50])), NO),
    ("preactivation", orders(BAD, GOOD, ([50.0, 50, 50], [50.0, 50, 50])), MIXED),
    ("preactivation", orders(NOISY, GOOD, ([200.0, 210, 220], [50.0, 50, 50])), UNSETTLED),
    ("preactivation", orders(BAD, GOOD, ([200.0, 210, 220], [50.0, 50, 50]), size=1100.0), UNSETTLED),
    ("clean_shortcuts", shortcuts(GOOD, [BAD] * 5), YES),
    ("clean_shortcuts", shortcuts(GOOD, [GOOD] * 5), NO),
    ("clean_shortcuts", shortcuts(GOOD, [BAD, BAD, GOOD, BAD, BAD]), MIXED),
    ("clean_shortcuts", shortcuts(GOOD, [BAD, BAD, NOISY, BAD, BAD]), UNSETTLED),
    ("clean_shortcuts", shortcuts(BAD, [BAD] * 5), UNSETTLED),
    ("highway", gates(GOOD, GOOD), YES),
    ("highway", gates(BAD, GOOD, (BAD, GOOD)), NO),
    ("highway", gates(BAD, GOOD), MIXED),
    ("highway", gates(NOISY, GOOD), UNSETTLED),
    ("projections", errors(resnet_20=GOOD, resnet_20_B=GOOD, resnet_20_C=GOOD), YES),
    ("projections", errors(resnet_20=BAD, resnet_20_B=GOOD, resnet_20_C=[40.0, 41, 42]), NO),
    ("projections", errors(resnet_20=BAD, resnet_20_B=GOOD, resnet_20_C=GOOD), MIXED),
    ("projections", errors(resnet_20=NOISY, resnet_20_B=GOOD, resnet_20_C=GOOD), UNSETTLED),
    ("depth_or_width", sized(BAD, GOOD), YES),
    ("depth_or_width", sized(GOOD, GOOD), NO),
    ("depth_or_width", sized(NOISY, GOOD), UNSETTLED),
    ("depth_or_width", sized(BAD, GOOD, sizes=(100.0, 150.0)), UNSETTLED),
    ("long_branches", branches(BAD, GOOD), YES),
    ("long_branches", branches(GOOD, GOOD), NO),
    ("long_branches", branches(BAD, BAD), MIXED),
    ("long_branches", branches(BAD, NOISY), UNSETTLED),
    ("long_branches", branches(BAD, GOOD, two=BAD), UNSETTLED),
    ("weight_decay", decayed([0.4, 0.4, 0.4], [0.1, 0.1, 0.1], GOOD), UNSETTLED),  # damage 0, 0, 1: too noisy
    ("weight_decay", decayed([0.4, 0.4, 0.4], [0.1, 0.1, 0.1], [0.0, 0, 0]), YES),
    ("weight_decay", decayed([0.4, 0.4, 0.4], [0.4, 0.4, 0.4], BAD), NO),
    ("weight_decay", decayed([0.4, 0.4, 0.4], [0.4, 0.4, 0.4], [0.0, 0, 0]), MIXED),
    ("weight_decay", decayed([0.4, 0.4, 0.4], [0.1, 0.1, 0.1], [0.0, 0, 0], intact=BAD), UNSETTLED),
    ("copies", near_zero(SMALL, SMALL, SMALL, SMALL), YES),
    ("copies", near_zero(LARGE, LARGE, LARGE, SMALL), NO),
    ("copies", near_zero(SMALL, SMALL, LARGE, LARGE), MIXED),
    ("copies", near_zero(SMALL, WIDE, LARGE, LARGE), UNSETTLED),
    ("unlearnt_units", unlearnt(BAD, [1.0, 2, 1]), YES),
    ("unlearnt_units", unlearnt(BAD, BAD), NO),
    ("unlearnt_units", unlearnt([1.0, 1, 2], [1.0, 2, 1]), MIXED),
    ("unlearnt_units", unlearnt(BAD, NOISY), UNSETTLED),
    ("unlearnt_units", unlearnt(BAD, BAD, whole=BAD), UNSETTLED),
    ("thousand_layers", thousand(GOOD, BAD), YES),
    ("thousand_layers", thousand(BAD, GOOD), NO),
    ("thousand_layers", thousand(GOOD, GOOD), MIXED),
    ("thousand_layers", thousand(NOISY, BAD), UNSETTLED),
    ("covariate_shift", drifts([200.0, 220, 210], [0.5, 0.4, 0.5]), NO),
    ("covariate_shift", drifts([200.0] * 3, [0.5] * 3, other=([100.0] * 3, [2.0] * 3)), NO),  # in one kind
    ("covariate_shift", drifts([200.0, 220, 210], [2.0, 3, 2]), UNSETTLED),  # it takes noise
    ("covariate_shift", drifts([50.0, 50, 50], [0.5, 0.4, 0.5]), UNSETTLED),  # batch norm is slower
    ("covariate_shift", drifts([200.0, 220, 210], [0.1, 9, 1]), UNSETTLED),
    ("before_skips", remedies(GOOD, BAD, BAD, BAD, BAD, BAD), YES),
    ("before_skips", remedies(GOOD, GOOD, GOOD, GOOD, GOOD, GOOD), NO),
    ("before_skips", remedies(GOOD, BAD, BAD, BAD, BAD, GOOD), MIXED),
    ("before_skips", remedies(GOOD, BAD, BAD, BAD, BAD, NOISY), UNSETTLED),
    ("before_skips", remedies(BAD, BAD, BAD, BAD, BAD, BAD), UNSETTLED),
    ("shattering", laws(-0.6, -0.5, depths=(6, 8, 10)), YES),
    ("shattering", laws(-0.01, 0.0), NO),
    ("shattering", laws(-0.01, -0.5), MIXED),
    ("shattering", laws(-1.0, -0.5), UNSETTLED),  # too few depths above the floor
    ("chain", chains(a=[0.1, 0.2, 0.1], b=[0.1, 0.1, 0.1]), YES),
    ("chain", chains(a=[5.0, 5, 6]), NO),
    ("chain", chains(a=[0.1, 0.2, 0.1], b=[5.0, 5, 6]), MIXED),
    ("chain", chains(a=[0.1, 0.2, 5.0]), UNSETTLED),
]


@pytest.mark.parametrize(
    ("name", "table", "word"), CASES, ids=[f"{n}-{w}-{i}" for i, (n, _, w) in enumerate(CASES)]
)
def test_the_rule(name, table, word):
    verdict = studies.get(name).verdict(table)
    assert verdict.word == word, verdict.sentence
    assert "nan" not in verdict.sentence
    assert verdict.effects


SETTLED = [(name, table) for name, table, word in CASES if word in (YES, MIXED, "exact")]


@pytest.mark.parametrize(("name", "table"), SETTLED, ids=[f"{n}-{i}" for i, (n, _) in enumerate(SETTLED)])
def test_a_missing_arm_and_fewer_seeds_settle_nothing(name, table):
    study = studies.get(name)
    arms = list(dict.fromkeys(table["arm"]))
    if name not in ("chain", "shattering"):  # whose arms are depths, of which any number will do
        main = _main_arms(study, table)
        assert main
        for arm in main:
            assert study.verdict(table[table["arm"] != arm]).word == UNSETTLED, arm
    assert study.verdict(table[table["seed"] < 2]).word == UNSETTLED
    assert study.verdict(table.iloc[:0]).word == UNSETTLED
    unfinished = table.assign(state=["running" if arm == arms[0] else "done" for arm in table["arm"]])
    if name not in ("copies", "chain", "shattering"):  # nets at their start have no state
        assert study.verdict(unfinished).word == UNSETTLED
        assert "3 runs without an end: not counted" in study.verdict(unfinished).sentence


def _main_arms(study, table):
    """The arms that the verdict is about, not those reported beside it."""
    beside = {"resnet-20"} if study.name == "depth_or_width" else set()
    return [arm for arm in dict.fromkeys(table["arm"]) if arm not in beside]


@pytest.mark.parametrize("name", ["single_layers", "dense_and_conv", "long_branches", "clean_shortcuts"])
def test_a_diverged_run_counts_and_is_named(name):
    table = next(table for study, table, word in CASES if (study, word) == (name, YES))
    bad = table["train_error"] >= 80
    table = table.assign(state=["diverged" if is_bad else "done" for is_bad in bad])
    table.loc[bad, "train_error"] = 90.0
    verdict = studies.get(name).verdict(table)
    assert verdict.word == YES
    assert re.search(r"\d+ runs diverged: counted as chance, 90 % error", verdict.sentence)


def test_two_attempts_at_one_seed_are_one_seed():
    table = errors(dense_plain_50=[80.0, 81], dense_resnet_50_1layer=[80.0, 81])
    twice = pd.concat([table, table], ignore_index=True)
    (effect, *_) = studies.get("single_layers").verdict(twice).effects
    assert effect.n == 2


def test_slopes_are_those_of_the_planted_laws():
    rows = laws(-0.2, -0.4)
    assert shattering.slopes(rows, "plain")[0] == pytest.approx(-0.2)
    assert shattering.slopes(rows, "residual")[2] == pytest.approx(-0.4)


def test_a_chain_is_right_about_a_chain():
    gradient = 0.5 ** np.arange(9, -1, -1.0)
    assert chain.off_by(gradient, residual=False)["off"] == pytest.approx(0, abs=1e-9)
    gradient[0] *= 1000
    assert chain.off_by(gradient, residual=True)["off"] == pytest.approx(3)
    assert math.isnan(chain.off_by(np.zeros(10), residual=True)["off"])


def test_a_contradiction_of_covariate_shift_needs_both_parts():
    said = studies.get("covariate_shift").verdict(drifts([200.0, 220, 210], [2.0, 3, 2])).sentence
    assert said.startswith(
        "Batch norm is faster and drifts less in plain and residual nets; whether one causes"
    )
    for missing in ("plain, no norm", "plain, batch norm"):
        table = drifts([200.0] * 3, [0.5] * 3, other=([100.0] * 3, [2.0] * 3))
        assert studies.get("covariate_shift").verdict(table[table["arm"] != missing]).word == UNSETTLED
