"""The loss around a trained net, on lines and planes through its weights (Li 2018, arXiv 1712.09913).

A step of 1 along a direction moves each filter by its own norm: see `directions`.

**Statistics.** The running statistics of batch norms fit the trained weights, and no other point.
`running` keeps them everywhere, as the authors' code does: the slice is that of the net as it is used, but
far from the centre activations grow as they never could in training, in deep nets by orders of magnitude.
`batch` uses the statistics of the images at every point, as training does. Deep plain nets look completely
different in the two.

Parameters of all probes here:

- `kept`: the arrays of a partial answer, to resume it.
- `images`: the first so many training images.
- `points`: along each axis, an odd number.
- `span`: the axes are −span … span.
- `seed`: of the random directions.
- `statistics`: "running" or "batch".
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from resnet_edu import nets
from resnet_edu.data import DataSet
from resnet_edu.measure import Errors, errors
from resnet_edu.probes.directions import Direction, cosine, random_direction
from resnet_edu.probes.partial import Kept, Partial

STATISTICS = ("running", "batch")
BATCH = 500  # images normalised together; as many as evaluations of a training take
ABOVE = (0.1, 1.0)  # nats
MOST_POINTS = 201


def plane(
    net: nn.Module,
    data: DataSet,
    kept: Kept = None,
    /,
    *,
    images: int = 500,
    points: int = 25,
    span: float = 1.0,
    seed: int = 0,
    statistics: str = "running",
) -> Iterator[Partial]:
    """Loss and error at θ + α·d₀ + β·d₁ for `points` × `points` α, β in [−span, span] (Li 2018 §3).

    Arrays: `at` [points]; `loss` (mean cross-entropy, nats) and `error` (%), float32 [points, points],
    rows along β, columns along α; NaN where the loss is not finite. Facts: `centre_loss` and
    `centre_error`; `cosine` of the directions; those of `sharpness`. About 30 s for a net of 56 layers, 500
    digits of 8×8 pixels and one free core; 10 s for 20 layers. Raises `ValueError` for values out of range.
    Parameters: see the module.
    """
    at = _places(points, span)
    slices = _Slices(net, data, images, statistics, points=points, span=span, seed=seed)
    across, along = (slices.direction(seed, axis) for axis in (0, 1))
    slices.facts["cosine"] = cosine(across, along)

    def column(i: int) -> list[Errors]:
        return [slices.moved((at[i], across), (beta, along)) for beta in at]

    for partial in slices.fill(kept, at, (points, points), column):
        if partial.done == points:
            partial.facts.update(sharpness(partial.arrays["loss"], at, slices.facts["centre_loss"]))
        yield partial


def line(
    net: nn.Module,
    data: DataSet,
    kept: Kept = None,
    /,
    *,
    images: int = 500,
    points: int = 101,
    span: float = 1.0,
    seed: int = 0,
    statistics: str = "running",
) -> Iterator[Partial]:
    """Like `plane`, along d₀ alone: `loss` and `error` are [points]. Parameters: see the module."""
    at = _places(points, span)
    slices = _Slices(net, data, images, statistics, points=points, span=span, seed=seed)
    direction = slices.direction(seed, 0)
    yield from slices.fill(kept, at, (points,), lambda i: [slices.moved((at[i], direction))])


def interpolation(
    net: nn.Module,
    data: DataSet,
    kept: Kept = None,
    /,
    *,
    start: int,
    images: int = 500,
    points: int = 21,
    statistics: str = "batch",
) -> Iterator[Partial]:
    """Loss and error at (1 − α)·θ₀ + α·θ from the initial weights of seed `start` (0) to the trained ones
    (1), and half as far beyond both ends (Goodfellow 2015, arXiv 1412.6544, §3).

    Every parameter moves, biases too. `points`, an odd number, of the `at` [2·points − 1] are in [0, 1].
    At α = 0 running statistics would be another net's, so the default is `batch`. Other parameters: see the
    module.
    """
    _check_points(points)
    aside = (points - 1) // 2
    at = np.arange(-aside, points + aside) / (points - 1)
    slices = _Slices(net, data, images, statistics, points=points, start=start)
    way = slices.way_from(start)
    yield from slices.fill(kept, at, (len(at),), lambda i: [slices.moved((at[i] - 1, way))])


def sharpness(loss: np.ndarray, at: np.ndarray, centre: float) -> dict[str, Any]:
    """Numbers that summarise a plane.

    - `curvature`: second differences of the loss at the centre along α and β, in nats per squared step.
    - `area_above`: the share of the plane, in %, more than 0.1 and 1 nat above the centre (or not finite).
    - `nonconvex`: the share of inner points, in %, where the plane's Hessian has a negative eigenvalue; the
      full Hessian then has one too (Li 2018 §6).
    """
    middle, step = len(at) // 2, float(at[1] - at[0])
    grid = loss.astype(np.float64)
    rows, columns = (np.diff(grid, 2, axis=axis) / step**2 for axis in (0, 1))
    trace, determinant = rows[:, 1:-1] + columns[1:-1], _determinant(grid, rows, columns, step)
    known = np.isfinite(determinant)
    bent = ~((trace >= 0) & (determinant >= 0))[known]
    return {
        "curvature": [float(columns[middle, middle - 1]), float(rows[middle - 1, middle])],
        "area_above": {f"{rise:g}": float(100 * (~(grid <= centre + rise)).mean()) for rise in ABOVE},
        "nonconvex": float(100 * bent.mean()) if len(bent) else None,
    }


def _determinant(grid: np.ndarray, rows: np.ndarray, columns: np.ndarray, step: float) -> np.ndarray:
    mixed = (grid[2:, 2:] - grid[2:, :-2] - grid[:-2, 2:] + grid[:-2, :-2]) / (4 * step**2)
    determinant: np.ndarray = rows[:, 1:-1] * columns[1:-1] - mixed**2
    return determinant


class _Slices:
    """A copy of the net, whose weights move; the net itself does not change."""

    def __init__(self, net: nn.Module, data: DataSet, images: int, statistics: str, **arguments: Any) -> None:
        if statistics not in STATISTICS:
            raise ValueError(f"statistics is {statistics!r}; allowed: {', '.join(STATISTICS)}")
        if not isinstance(images, int) or not 2 <= images <= len(data.train_labels):
            raise ValueError(f"images is {images!r}; allowed: 2 … {len(data.train_labels)}")
        self.net, self.data, self.batchwise = copy.deepcopy(net), data, statistics == "batch"
        self.images, self.labels = data.train_images[:images], data.train_labels[:images]
        self.centre = {name: weight.detach().clone() for name, weight in net.named_parameters()}
        here = self.measured()
        self.facts = {"images": images, "statistics": statistics, "batch": BATCH, **arguments}
        self.facts |= {"centre_loss": here.loss, "centre_error": here.error}

    def direction(self, seed: int, axis: int) -> Direction:
        return random_direction(self.centre, seed, axis)

    def way_from(self, seed: int) -> Direction:
        """From the initial weights of `seed` to the centre, all parameters."""
        data = self.data
        sizes = {"channels": data.channels, "side": data.side, "classes": data.classes}
        initial = nets.build(cast(nets.ResNet, self.net).spec, **sizes, seed=seed)
        return {name: self.centre[name] - weight.detach() for name, weight in initial.named_parameters()}

    def measured(self) -> Errors:
        seen = self.images, self.labels
        return errors(self.net, self.data, *seen, batch=BATCH, batch_statistics=self.batchwise)

    @torch.no_grad()
    def moved(self, *steps: tuple[float, Direction]) -> Errors:
        """Error and loss at centre + Σ step · direction."""
        for name, weight in self.net.named_parameters():
            weight.copy_(self.centre[name])
            for step, direction in steps:
                if name in direction:
                    weight.add_(direction[name], alpha=float(step))
        return self.measured()

    def fill(
        self, kept: Kept, at: np.ndarray, shape: tuple[int, ...], column: Callable[[int], list[Errors]]
    ) -> Iterator[Partial]:
        """Compute column by column (the last axis), skipping the finished ones of `kept`. All yielded answers
        share the same arrays."""
        arrays = {name: np.full(shape, np.nan, np.float32) for name in ("loss", "error")}
        finished = np.zeros(shape[-1], bool)
        if kept is not None and _fits(kept, arrays | {"finished": finished}):
            arrays, finished = {name: kept[name] for name in arrays}, kept["finished"]
        for i in np.flatnonzero(~finished).tolist():
            found = np.array([_finite(each) for each in column(i)])
            for name, values in zip(("error", "loss"), found.T, strict=True):
                arrays[name][..., i] = values if len(shape) > 1 else values[0]
            finished[i] = True
            growing = {} if finished.all() else {"finished": finished}
            yield Partial(int(finished.sum()), len(finished), dict(self.facts), arrays | {"at": at} | growing)


def _fits(kept: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray]) -> bool:
    """True if `kept` has arrays of these shapes, with columns left to compute."""
    there = all(name in kept and kept[name].shape == array.shape for name, array in arrays.items())
    return there and not kept["finished"].all()


def _finite(found: Errors) -> tuple[float, float]:
    """Error and loss; NaN for both if the loss is not finite: such logits have no argmax."""
    return (found.error, found.loss) if math.isfinite(found.loss) else (math.nan, math.nan)


def _places(points: int, span: float) -> np.ndarray:
    _check_points(points)
    if not isinstance(span, int | float) or not 0 < span <= 100:
        raise ValueError(f"span is {span!r}; allowed: above 0, to 100")
    return np.linspace(-span, span, points)


def _check_points(points: int) -> None:
    """An odd number, so that the centre is one of them."""
    if not isinstance(points, int) or points not in range(3, MOST_POINTS + 1, 2):
        raise ValueError(f"points is {points!r}; allowed: odd numbers, 3 … {MOST_POINTS}")
