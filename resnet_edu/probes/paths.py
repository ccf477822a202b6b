"""A residual net as a sum over paths: what each unit adds, and what paths of each length carry (Veit 2016).

Parameters of all probes here:

- `images`: at most so many, the first of their set.
- `of`: their set, "test" or "train".
- `statistics`: of batch norms: "running", as at test time, or "batch", as in training.
"""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import torch
from torch import Tensor

from resnet_edu.anatomy.plan import arrange
from resnet_edu.data import DataSet, normalise
from resnet_edu.measure import preserve_bn_stats
from resnet_edu.nets import ResNet, surgery
from resnet_edu.nets.units import ResidualUnit
from resnet_edu.probes import lengths
from resnet_edu.probes.arguments import (
    base_facts,
    by_batch,
    check_choice,
    check_int,
    first_images,
    unit_columns,
)
from resnet_edu.probes.unrolled import UnitTrace, Unrolled, trace_unit, trace_units
from resnet_edu.randomness import seed_for
from resnet_edu.runs.answers import ProbeAnswer

MOST_EXPANDED = 10


def contributions(
    net: ResNet, data: DataSet, *, images: int = 256, of: str = "test", statistics: str = "running"
) -> ProbeAnswer:
    """One row per unit: what its branch adds to its shortcut, x_n = x_0 + Σ F_i (He 2016 eq. 4).

    Columns: those of `unit_columns`, and means over the images:

    - `shortcut`, `branch`, `output`: L2 norms of h(x), F(x) and y.
    - `ratio`: branch : shortcut; NaN in a plain unit.
    - `cosine`: of h(x) and F(x); NaN in a plain unit.
    - `changed`: ‖f(s) − s‖ / ‖s‖, by how much f after the addition (a ReLU, in the original order) changes
      the sum s.

    Facts: `unrolled`, for each stage, by how much x_0 + Σ F_i misses x_n, from the stage's first unit of
    constant size to its end, relative to ‖x_n‖: rounding alone, if f is the identity; `after`, what f is.
    """
    shown, labels = first_images(data, images, of)
    with preserve_bn_stats(net, training=by_batch(statistics)), torch.no_grad():
        units = trace_units(net, normalise(shown, data))
        rows = [_contribution(each) for each in units]
        unrolled = _unrolled(units, unit_columns(net)["stage"].tolist()) if not net.spec.plain else []
    facts = base_facts(net, len(labels), of) | {"statistics": statistics, "unrolled": unrolled}
    facts |= {"plain": net.spec.plain, "after": " ".join(arrange(net.spec.arrangement, 2).after) or "nothing"}
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return ProbeAnswer(facts, unit_columns(net) | columns)


def _contribution(each: UnitTrace) -> dict[str, float]:
    h, f = (term.flatten(1).double() for term in each.terms())
    total, y = h + f, each.y.flatten(1).double()
    found = {
        "shortcut": h.norm(dim=1),
        "branch": f.norm(dim=1),
        "output": y.norm(dim=1),
        "ratio": f.norm(dim=1) / h.norm(dim=1),
        "cosine": torch.cosine_similarity(h, f, eps=1e-300),
        "changed": (y - total).norm(dim=1) / total.norm(dim=1),
    }
    means = {name: values.mean().item() for name, values in found.items()}
    return means | ({"ratio": math.nan, "cosine": math.nan} if each.shortcut is None else {})


def _unrolled(units: list[UnitTrace], stages: list[int]) -> list[float]:
    misses = []
    for stage in sorted(set(stages)):
        same = [each for each, at in zip(units, stages, strict=True) if at == stage]
        same = same if same[0].unit.plan.same_size else same[1:]
        if same:
            summed = same[0].x + sum(each.terms()[1] for each in same)
            misses.append(_mismatch(summed, same[-1].y))
    return misses


def expansion(
    net: ResNet,
    data: DataSet,
    *,
    first: str | None = None,
    count: int | None = None,
    images: int = 64,
    of: str = "test",
) -> ProbeAnswer:
    """Units without their ReLUs, multiplied out: one row for each of their 2ⁿ paths.

    In eval mode such units are affine: their output for x minus that for 0 is exactly the sum over all paths
    (Veit 2016 eq. 6). A plain net has one path.

    - `first`: name of the first unit; by default so that the last unit is among them.
    - `count`: of units; 4 by default.
    - `images`, `of`: see the module.

    Columns: `path`, such as "x F x F" for shortcut (x) or branch (F) of each unit; `length`, in branches;
    `norm`, the L2 norm of its term, mean over the images. Facts: `mismatch`, by how much the paths' sum
    misses the units' own output, relative to it; `whole`, the norm of that output; `biases`, the norm of
    their output for 0. Raises `ValueError` for units that are not affine without their ReLUs: those with
    gates, group or layer norm.
    """
    names = [name for name, _ in net.units()]
    most = min(MOST_EXPANDED, len(names))
    count = min(4, most) if count is None else check_int("count", count, 1, most)
    start = len(names) - count if first is None else names.index(check_choice("first", first, names))
    chosen = names[start : start + count]
    if len(chosen) < count:
        raise ValueError(f"count is {count}; from {first} on there are {len(chosen)} units")
    linear = dict(surgery.linearise(net, *chosen).units())
    shown, labels = first_images(data, images, of)
    with preserve_bn_stats(net, training=False), torch.no_grad():
        x = trace_units(net, normalise(shown, data))[start].x
        paths = {"": x}
        y, zero = x, torch.zeros_like(x[:1])
        for name in chosen:
            paths = _forked(linear[name].eval(), paths)
            y, zero = linear[name](y), linear[name](zero)
        wanted, found = y - zero, torch.stack(list(paths.values())).sum(0)
    facts = base_facts(net, len(labels), of) | {
        "expanded": chosen,
        "paths": len(paths),
        "mismatch": _mismatch(found, wanted),
        "whole": _mean_norm(wanted),
        "biases": _mean_norm(zero),
    }
    columns = {
        "path": np.array([" ".join(path) for path in paths]),
        "length": np.array([path.count("F") for path in paths]),
        "norm": np.array([_mean_norm(carried) for carried in paths.values()]),
    }
    return ProbeAnswer(facts, columns)


def _forked(unit: ResidualUnit, paths: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each path continued through the shortcut and the branch of an affine unit, without constants."""
    forked = {}
    for path, x in paths.items():
        here, at_zero = (trace_unit(unit, value) for value in (x, torch.zeros_like(x[:1])))
        for way, term, constant in zip("xF", here.terms(), at_zero.terms(), strict=True):
            if way == "F" or here.shortcut is not None:
                forked[path + way] = unit.after(term) - unit.after(constant)
    return forked


def path_lengths(
    net: ResNet,
    data: DataSet,
    *,
    images: int = 32,
    samples: int = 10,
    seed: int = 0,
    of: str = "test",
    statistics: str = "running",
) -> ProbeAnswer:
    """One row per path length, in branches: how many paths there are, and how much gradient they carry.

    - `images`, `of`, `statistics`: see the module.
    - `samples`: random paths of each length, or all if there are no more (Veit 2016 §4.2).
    - `seed`: of the samples.

    Columns:

    - `length`: in branches.
    - `paths`: their number, exact below 2⁵³; `paths_share`: of all paths, in %.
    - `norm`: the L2 norm of one path's gradient at the input image, mean over images and sampled paths;
      `norm_sd`: its standard deviation over the paths; `norm_share`: norm × paths, in % of its sum over all
      lengths; `norm_up_to`: those shares summed up to this length.
    - `together`: the norm of the *sum* of all gradients of this length, in which paths can cancel; `share`:
      that sum's component along the whole gradient, in % of it (negative where it points away);
      `share_up_to`: those shares summed up to this length. All three without sampling.

    The gradient is that of the cross-entropy, for each image alone. Facts: `paths`, their total number;
    `mismatch`, by how much the sum over all lengths misses autograd's gradient, relative to it; `layers` and
    `layer_paths`, the same count in weighted layers, stem and head included.
    """
    samples, seed = check_int("samples", samples, 1, 10_000), check_int("seed", seed, 0)
    shown, labels = first_images(data, images, of)
    counts, layers = lengths.in_units(net), lengths.in_layers(net)
    inputs = normalise(shown, data)
    with preserve_bn_stats(net, training=by_batch(statistics)):
        unrolled = Unrolled(net, inputs, labels)
        carried = unrolled.by_length()
        found = [_norms(unrolled, length, samples, seed) for length in range(len(counts))]
        gradient = _by_autograd(net, inputs, labels)
    along = np.array([(each.double() * gradient.double()).sum().item() for each in carried])
    norms = np.array([np.mean(each) if each else 0.0 for each in found])
    shares = np.array(lengths.shares(counts))
    columns = {
        "length": np.arange(len(counts)),
        "paths": np.array(lengths.as_floats(counts)),
        "paths_share": shares,
        "norm": norms,
        "norm_sd": np.array([np.std(each) if each else np.nan for each in found]),
        "norm_share": _in_percent(shares * norms),
        "together": np.array([_mean_norm(each) for each in carried]),
        "share": _in_percent(along),
    }
    columns |= {"norm_up_to": columns["norm_share"].cumsum(), "share_up_to": columns["share"].cumsum()}
    facts = base_facts(net, len(labels), of) | {
        "statistics": statistics,
        "samples": samples,
        "seed": seed,
        "paths": sum(counts),
        "mismatch": _mismatch(torch.stack(carried).sum(0), gradient),
        "gradient": _mean_norm(gradient),
        "layers": [length for length, ways in enumerate(layers) if ways],
        "layer_paths": [ways for ways in layers if ways],
        "plain": net.spec.plain,
    }
    return ProbeAnswer(facts, columns)


def _norms(unrolled: Unrolled, length: int, samples: int, seed: int) -> list[float]:
    """The norm, mean over the images, of each of `samples` random paths of this length, or of all of them if
    there are no more."""
    units = range(len(unrolled.units))
    forks = [i for i in units if unrolled.units[i].shortcut is not None]
    free = length - (len(units) - len(forks))  # a plain unit's branch is on every path
    if free < 0 or math.comb(len(forks), free) <= samples:
        chosen = itertools.combinations(forks, free) if free >= 0 else iter(())
    else:
        draws = random.Random(seed_for(seed, "paths", length))
        chosen = (tuple(draws.sample(forks, free)) for _ in range(samples))
    return [_mean_norm(unrolled.along([i in path or i not in forks for i in units])) for path in chosen]


def _by_autograd(net: ResNet, inputs: Tensor, labels: Tensor) -> Tensor:
    inputs = inputs.detach().requires_grad_()
    loss = torch.nn.functional.cross_entropy(net(inputs), labels, reduction="sum")
    return torch.autograd.grad(loss, inputs)[0]


def _mismatch(found: Tensor, wanted: Tensor) -> float:
    """‖found − wanted‖ / ‖wanted‖."""
    return float((found - wanted).norm() / wanted.norm().clamp(min=1e-30))


def _in_percent(parts: np.ndarray) -> np.ndarray:
    """Each part in % of their sum; NaN if the sum is 0."""
    return 100 * parts / parts.sum() if parts.sum() else np.full(len(parts), np.nan)


def _mean_norm(values: Tensor) -> float:
    """The L2 norm of each image's values, mean over the images."""
    return float(values.flatten(1).double().norm(dim=1).mean())
