"""A residual net as a sum over paths: what each unit adds, and what paths of each length carry (Veit 2016).

`statistics` says whose a batch norm uses: 'running', as at test time, or 'batch', as in training (and
at step 0, when the running ones say nothing yet).
"""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resnet_edu.anatomy.plan import arrange
from resnet_edu.data import DataSet, normalise
from resnet_edu.measure import preserve_bn_stats
from resnet_edu.nets import ResNet, surgery
from resnet_edu.probes import lengths
from resnet_edu.probes.arguments import by_batch, first_images, told, where, whole, word
from resnet_edu.probes.unrolled import Opened, Unrolled, opened, opened_units
from resnet_edu.randomness import seed_for

MOST_EXPANDED = 10

Answer = tuple[dict[str, Any], dict[str, np.ndarray]]


def contributions(
    net: ResNet, data: DataSet, *, images: int = 256, of: str = "test", statistics: str = "running"
) -> Answer:
    """A row a unit: how much its branch adds to what its shortcut carries, x_n = x_0 + Σ F_i (He 2016 eq. 4).

    Columns, means over the images: the L2 norms `shortcut` of h(x), `branch` of F(x) and `output` of y;
    their `ratio` branch : shortcut and the `cosine` between them; and `changed`, by how much what follows
    the addition (a ReLU, in the original order) changes the sum, ‖f(s) − s‖ / ‖s‖. In a plain unit, whose
    shortcut is nothing, ratio and cosine are NaN.

    Facts: `unrolled`, for each stage, by how much x_n = x_0 + Σ F_i misses x_n from the stage's first
    unit of constant size to its end, relative to ‖x_n‖; with an identity after the addition, by rounding.
    """
    shown, labels = first_images(data, images, of)
    with preserve_bn_stats(net, training=by_batch(statistics)), torch.no_grad():
        units = opened_units(net, normalise(shown, data))
        rows = [_contribution(each) for each in units]
        unrolled = _unrolled(units, where(net)["stage"]) if not net.spec.plain else []
    facts = told(net, len(labels), of) | {"statistics": statistics, "unrolled": unrolled}
    facts |= {"plain": net.spec.plain, "after": " ".join(arrange(net.spec.arrangement, 2).after) or "nothing"}
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return facts, {name: np.array(values) for name, values in where(net).items()} | columns


def _contribution(each: Opened) -> dict[str, float]:
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


def _unrolled(units: list[Opened], stages: list[int]) -> list[float]:
    misses = []
    for stage in sorted(set(stages)):
        same = [each for each, at in zip(units, stages, strict=True) if at == stage]
        same = same if same[0].unit.plan.same_size else same[1:]
        if same:
            told_by_sum = same[0].x + sum(each.terms()[1] for each in same)
            misses.append(_mismatch(told_by_sum, same[-1].y))
    return misses


def expansion(
    net: ResNet,
    data: DataSet,
    *,
    first: str | None = None,
    count: int | None = None,
    images: int = 64,
    of: str = "test",
) -> Answer:
    """`count` units, from `first` on, made linear and multiplied out: a row for each of their 2ⁿ paths.

    Without their ReLUs the units are affine in eval mode, and what they make of x, less what they make of
    0, is exactly the sum over all paths (Veit 2016 eq. 6). By default they are the last four.

    Columns: `path`, such as 'x F x F' for the ways through shortcut (x) and branch (F), its `length` in
    branches, and `norm`, the L2 norm of what it carries, the mean over the images. Facts: `mismatch`, by how
    much the paths' sum misses the linear units' own output, relative to it; `whole`, the norm of that
    output, and `biases`, of what they make of 0. A plain net has one path. Raises `ValueError` for units
    that are not affine without their ReLUs: those with gates, group or layer norm.
    """
    names = [name for name, _ in net.units()]
    most = min(MOST_EXPANDED, len(names))
    count = min(4, most) if count is None else whole("count", count, 1, most)
    start = len(names) - count if first is None else names.index(word("first", first, names))
    chosen = names[start : start + count]
    if len(chosen) < count:
        raise ValueError(f"count is {count}; from {first} on there are {len(chosen)} units")
    linear = dict(surgery.linearise(net, *chosen).units())
    shown, labels = first_images(data, images, of)
    with preserve_bn_stats(net, training=False), torch.no_grad():
        x = opened_units(net, normalise(shown, data))[start].x
        paths = {"": x}
        y, zero = x, torch.zeros_like(x[:1])
        for name in chosen:
            paths = _forked(linear[name].eval(), paths)
            y, zero = linear[name](y), linear[name](zero)
        wanted, found = y - zero, torch.stack(list(paths.values())).sum(0)
    facts = told(net, len(labels), of) | {
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
    return facts, columns


def _forked(unit: Any, paths: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each path, gone on by the shortcut and by the branch of an affine unit, without its constants."""
    forked = {}
    for path, x in paths.items():
        here, at_zero = (opened(unit, value) for value in (x, torch.zeros_like(x[:1])))
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
) -> Answer:
    """A row for each length, in branches: how many paths there are, and how much gradient they carry.

    Columns: `paths` (exact below 2⁵³) and `paths_share` of all, in %. By sampling (Veit 2016 §4.2),
    `samples` random paths a length, or all if there are no more: `norm`, the L2 norm of one path's
    gradient at the input image (mean over images and paths), its standard deviation `norm_sd` over the
    paths, and `norm_share`, norm × paths, of the sum over all lengths, in %. Without sampling:
    `together`, the norm of the *sum* of all gradients of this length, in which paths can cancel, and
    `share`, that sum's part along the whole gradient, in % of it (negative where it points away).
    `norm_up_to` and `share_up_to` add up the shares to this length.

    The gradient is that of the cross-entropy, of each image by itself. Facts: `paths`, their number in
    all; `mismatch`, by how much the sums of all lengths together miss the whole gradient by autograd,
    relative to it; `layers` and `layer_paths`, the same count in weighted layers, stem and head included.
    """
    samples, seed = whole("samples", samples, 1, 10_000), whole("seed", seed, 0)
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
    facts = told(net, len(labels), of) | {
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
    return facts, columns


def _norms(unrolled: Unrolled, length: int, samples: int, seed: int) -> list[float]:
    """The mean norm over the images, of each of so many random paths of a length; of all paths of that
    length where there are no more."""
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
    """The difference's norm, relative to that of what is wanted."""
    return ((found - wanted).norm() / wanted.norm().clamp(min=1e-30)).item()


def _in_percent(parts: np.ndarray) -> np.ndarray:
    """Of their sum; NaN where there is nothing to share out."""
    return 100 * parts / parts.sum() if parts.sum() else np.full(len(parts), np.nan)


def _mean_norm(values: Tensor) -> float:
    """The L2 norm of each image's values, the mean over the images."""
    return values.flatten(1).double().norm(dim=1).mean().item()
