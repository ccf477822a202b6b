"""Can a saliency map be trusted? Randomised weights, infidelity and sensitivity measure it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resnet_edu import nets
from resnet_edu.data import DataSet
from resnet_edu.methods import METHODS, SQUARES, TRIES
from resnet_edu.nets import ResNet
from resnet_edu.probes.arguments import check_int
from resnet_edu.probes.image import resolve_input
from resnet_edu.probes.saliency.maps import attribute, checked
from resnet_edu.probes.saliency.path import together
from resnet_edu.probes.smoothness import nudges
from resnet_edu.probes.sources import first_inputs, recalibrate_batchnorm
from resnet_edu.runs.answers import ProbeAnswer

QUICK = 128  # pieces
FEW = 64  # images
OTHER_SEED = 2**31  # added to seeds of new weights: far from the seeds that people choose


def sanity(
    net: ResNet,
    data: DataSet,
    *,
    image: int | None = None,
    pixels: np.ndarray | None = None,
    method: str = "saliency",
    target: int | None = None,
    unit: str | None = None,
    seed: int = 0,
    stages: int = 8,
    repeats: int = 3,
) -> ProbeAnswer:
    """Cascading randomisation (Adebayo 2018 §3.1) for one image's map.

    From the head down to the stem, one part after another gets initial weights of another seed. Its batch
    norms get the statistics of training images (mean 0 and variance 1 for torchvision's nets, which come
    without images).

    - `image`, `pixels`, `target`: as in `image.resolve_input`.
    - `method`, `unit`, `seed`: as in `saliency.saliency_map`.
    - `stages`: how many of the stages, one per part, at even distances; the first and last among them.
    - `repeats`: with new random weights each.

    Arrays: `correlation`, float64 [repeats, stages], Spearman's rank correlation of the map's magnitudes
    with the trained net's, NaN where one map is flat; `maps`, float32 [1 + stages, …], of the trained net
    and of the first repeat; `image`. Facts: `after`, the part that each stage randomised last.
    """
    check_int("stages", stages, 1, 100)
    check_int("repeats", repeats, 1, 20)
    unit = checked(net, method, unit)
    about = resolve_input(net, data, image, pixels, target)

    def map_of(one: ResNet) -> Tensor:
        return attribute(one, about.inputs, about.target, method, unit=unit, seed=seed, pieces=QUICK)[0]

    order = parts_from_above(net)
    stops = sorted({round(stop) for stop in np.linspace(0, len(order) - 1, stages)})
    trained, maps = map_of(net), []
    correlation = np.empty((repeats, len(stops)))
    for repeat in range(repeats):
        for place, (_, changed) in enumerate(randomised(net, data, OTHER_SEED + seed + repeat, stops)):
            found = map_of(changed)
            correlation[repeat, place] = rank_correlation(_sizes(found, method), _sizes(trained, method))
            maps += [found.float().numpy()] if repeat == 0 else []
    facts = about.facts | {"method": method, "unit": unit, "after": [order[stop] for stop in stops]}
    arrays = {"image": about.pixels, "maps": np.stack([trained.float().numpy(), *maps])}
    return ProbeAnswer(facts, arrays | {"correlation": correlation})


def parts_from_above(net: ResNet) -> list[str]:
    """Parts with weights, from the top down: head, units from last to first, stem."""
    return ["head", *(name for name, _ in reversed(net.units())), "stem"]


def randomised(net: ResNet, data: DataSet, seed: int, stops: list[int]) -> Iterator[tuple[int, ResNet]]:
    """Yield (stop, net) with the parts down to each stop reset to the initial weights of `seed`.

    `net` itself does not change. All yielded nets are one copy, which the next step changes.
    """
    fresh = nets.build(net.spec, channels=data.channels, side=data.side, classes=data.classes, seed=seed)
    changed, order = copy.deepcopy(net), parts_from_above(net)
    for stop in stops:
        parts = order[: stop + 1]
        for name in ("pool", *parts):  # a pre-activation net's last norm belongs to the head
            changed.get_submodule(name).load_state_dict(fresh.get_submodule(name).state_dict())
        if len(data.train_images):
            norms = [changed.get_submodule(name) for name in ("pool", *parts)]
            recalibrate_batchnorm(changed, norms, first_inputs(data, FEW))
        yield stop, changed


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's, over all values; equal values share their mean rank. NaN where all values are equal."""
    ranks = [_ranks(values.flatten()) for values in (one, other)]
    centred = [rank - rank.mean() for rank in ranks]
    norm = np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum())
    return float((centred[0] * centred[1]).sum() / norm) if norm else float("nan")


def _ranks(values: Tensor) -> np.ndarray:
    _, place, counts = np.unique(values.numpy(), return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[place]


def _sizes(found: Tensor, method: str) -> Tensor:
    """[C, H, W] → [H, W], as charts draw it: signed maps summed over colours, others their maximum."""
    return found.sum(0).abs() if METHODS[method].signed else found.abs().amax(0)


def trust_scores(
    net: ResNet,
    data: DataSet,
    *,
    image: int | None = None,
    pixels: np.ndarray | None = None,
    method: str = "saliency",
    target: int | None = None,
    unit: str | None = None,
    seed: int = 0,
) -> ProbeAnswer:
    """Captum's infidelity and sensitivity of one image's map, seeded and scaled to be comparable.

    - `image`, `pixels`, `target`: as in `image.resolve_input`.
    - `method`, `unit`, `seed`: as in `saliency.saliency_map`. Integrated Gradients uses 128 pieces at most
      here, which is exact to some hundredths of the map's length.

    Facts: `infidelity` (Yeh 2019 eq. 1, square removal): random squares of 1 pixel to half the side are
    replaced by the mean image; the mean square of (the map's sum over the square, at its best scale, less
    the fall of the score), as a share of the falls' mean square: 0 … 1, None where the score never changes.
    `sensitivity` (Yeh 2019 §5.1): the largest change of the map, as a share of its own length, over ten
    moves of the image by 1 % of its length; None for a map of zeros. Arrays: `image`, `map`.
    """
    from captum.metrics import sensitivity_max

    unit = checked(net, method, unit)
    about = resolve_input(net, data, image, pixels, target)

    def maps_of(inputs: Tensor) -> Tensor:
        return attribute(net, inputs, about.target, method, unit=unit, seed=seed, pieces=QUICK)

    def explained(given: Any) -> Any:  # Captum passes the image itself in a tuple, and expects a tuple
        return (maps_of(*given),) if isinstance(given, tuple) else maps_of(given)

    found = maps_of(about.inputs)
    jumps = sensitivity_max(
        explained,
        about.inputs,
        perturb_func=lambda inputs: inputs + nudges(inputs, seed),
        n_perturb_samples=TRIES,
    )
    facts = about.facts | {
        "method": method,
        "unit": unit,
        "infidelity": infidelity(net, about.inputs, about.target, found, seed),
        "sensitivity": jumps.item() if found.abs().max() > 0 else None,
    }
    return ProbeAnswer(facts, {"image": about.pixels, "map": found[0].float().numpy()})


def infidelity(net: ResNet, inputs: Tensor, target: int, found: Tensor, seed: int = 0) -> float | None:
    """Infidelity of one map [1, C or 1, H, W]; see `trust_scores`. Captum computes mean squares, which are
    divided by those of a map of 0."""
    from captum.metrics import infidelity as unexplained

    def missed(attributions: Tensor) -> float:
        mean_squares = unexplained(
            net,
            _squares(seed),
            inputs,
            attributions,
            target=target,
            n_perturb_samples=SQUARES,
            max_examples_per_batch=min(SQUARES, together(inputs)),
            normalize=True,
        )
        return float(mean_squares)

    falls = missed(torch.zeros_like(inputs))
    return missed(found.expand_as(inputs)) / falls if falls > 0 else None


def _squares(seed: int) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Captum's perturbation: images [N, C, H, W] → squares as masks, and the images with them blanked."""
    generator = torch.Generator().manual_seed(seed)

    def remove(inputs: Tensor) -> tuple[Tensor, Tensor]:
        count, side = len(inputs), inputs.shape[2]
        widths = torch.randint(1, side // 2 + 1, (count, 1), generator=generator)
        corners = (torch.rand(count, 2, generator=generator) * (side - widths + 1)).long()
        pixels = torch.arange(side)
        within = (pixels >= corners[..., None]) & (pixels < (corners + widths)[..., None])
        mask = (within[:, 0, :, None] & within[:, 1, None, :])[:, None].to(inputs).expand_as(inputs)
        return mask, inputs * (1 - mask)

    return remove
