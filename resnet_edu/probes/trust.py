"""Can a map be trusted? What it is worth is measured, beside what it looks like."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resnet_edu import nets
from resnet_edu.data import DataSet
from resnet_edu.methods import METHODS, SQUARES, TRIES
from resnet_edu.nets import ResNet
from resnet_edu.probes.image import asked, at_least_one
from resnet_edu.probes.saliency.maps import attribute, checked
from resnet_edu.probes.saliency.path import together
from resnet_edu.probes.smoothness import nudges
from resnet_edu.probes.sources import first_inputs, settle

QUICK = 128  # pieces
FEW = 64  # images
OTHER_SEED = 2**31  # of the new weights: far from the seeds that people choose


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
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The cascading randomisation of Adebayo 2018 §3.1, for one image's map.

    From the head down to the stem more and more parts get initial weights of another seed, their batch
    norms with the statistics of training images (torchvision's nets come without: mean 0, variance 1).
    Of the stages, one a unit, `stages` are taken at even distances, the head alone and the whole net
    among them. Arrays: correlation float64 [repeats, stages], Spearman's rank correlation of the map's
    sizes with those of the trained net's map, NaN where one map is flat; maps float32 [1 + stages, …], the
    trained net's and those of the first repeat. Facts: `after`, the part that each stage randomised last.
    """
    at_least_one("stages", stages, 100)
    at_least_one("repeats", repeats, 20)
    unit = checked(net, method, unit)
    about = asked(net, data, image, pixels, target)

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
    return facts, arrays | {"correlation": correlation}


def parts_from_above(net: ResNet) -> list[str]:
    """The parts that hold weights: head, units from the last to the first, stem."""
    return ["head", *(name for name, _ in reversed(net.units())), "stem"]


def randomised(net: ResNet, data: DataSet, seed: int, stops: list[int]):
    """The net with the parts up to each stop, and all above, as initial weights of `seed` make them.

    Yields (stop, net); the net that was given stays as it is, and each yielded one is changed by the next.
    """
    fresh = nets.build(net.spec, channels=data.channels, side=data.side, classes=data.classes, seed=seed)
    changed, order = copy.deepcopy(net), parts_from_above(net)
    for stop in stops:
        parts = order[: stop + 1]
        for name in ("pool", *parts):  # a pre-activation net's last norm belongs to the head
            changed.get_submodule(name).load_state_dict(fresh.get_submodule(name).state_dict())
        if len(data.train_images):
            norms = [changed.get_submodule(name) for name in ("pool", *parts)]
            settle(changed, norms, first_inputs(data, FEW))
        yield stop, changed


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's, of all values, equal ones sharing their mean rank; NaN where all values are equal."""
    ranks = [_ranks(values.flatten()) for values in (one, other)]
    centred = [rank - rank.mean() for rank in ranks]
    norm = np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum())
    return float((centred[0] * centred[1]).sum() / norm) if norm else float("nan")


def _ranks(values: Tensor) -> np.ndarray:
    _, place, counts = np.unique(values.numpy(), return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[place]


def _sizes(found: Tensor, method: str) -> Tensor:
    """[C, H, W] → [H, W], as the map is drawn: signed ones added up over colours, else the largest."""
    return found.sum(0).abs() if METHODS[method].signed else found.abs().amax(0)


def answer(
    net: ResNet,
    data: DataSet,
    *,
    image: int | None = None,
    pixels: np.ndarray | None = None,
    method: str = "saliency",
    target: int | None = None,
    unit: str | None = None,
    seed: int = 0,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Captum's infidelity and sensitivity of one image's map; seeded, and scaled so as to be compared.

    infidelity (Yeh 2019 eq. 1, square removal): random squares of 1 pixel to half the side are replaced
    by the mean image; the mean square of (the map's sum over the square, at its best scale, less the
    fall of the score) as a share of the falls' mean square: 0 … 1; None where the score never changes.
    sensitivity (Yeh 2019 §5.1): the largest change of the map, as a share of its own length, over ten
    moves of the image by 1 % of its length; None of a map that is 0. Integrated Gradients is given 128
    pieces at most here, which is exact to some hundredths of the map's length.
    """
    from captum.metrics import sensitivity_max

    unit = checked(net, method, unit)
    about = asked(net, data, image, pixels, target)

    def maps_of(inputs: Tensor) -> Tensor:
        return attribute(net, inputs, about.target, method, unit=unit, seed=seed, pieces=QUICK)

    def explained(given: Any) -> Any:  # Captum hands over the image itself in a tuple, and wants one back
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
    return facts, {"image": about.pixels, "map": found[0].float().numpy()}


def infidelity(net: ResNet, inputs: Tensor, target: int, found: Tensor, seed: int = 0) -> float | None:
    """Of one map [1, C or 1, H, W]; see `answer`. Captum gives mean squares; a map of 0 leaves all of it."""
    from captum.metrics import infidelity as unexplained

    def missed(attributions: Tensor) -> float:
        return unexplained(
            net,
            _squares(seed),
            inputs,
            attributions,
            target=target,
            n_perturb_samples=SQUARES,
            max_examples_per_batch=min(SQUARES, together(inputs)),
            normalize=True,
        ).item()

    falls = missed(torch.zeros_like(inputs))
    return missed(found.expand_as(inputs)) / falls if falls > 0 else None


def _squares(seed: int) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """For Captum: images [N, C, H, W] → the squares as masks, and the images without what is in them."""
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
