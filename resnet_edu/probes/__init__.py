"""Questions to a trained net. Each is a function from (net, data, arguments) to facts and arrays; a long
one is a generator of those so far (`partial.py`)."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from resnet_edu.photographs import named
from resnet_edu.probes import (
    bench,
    fresh_profile,
    gradients,
    lesions,
    one_update,
    paths,
    saliency,
    skip_dial,
    smoothness,
    surface,
    trust,
    unit_shares,
)
from resnet_edu.probes.image import photograph_for
from resnet_edu.probes.moments import moment_of
from resnet_edu.probes.partial import Kept, Partial
from resnet_edu.probes.sources import net_of, source_of
from resnet_edu.runs import Run

__all__ = ["LONG_PROBES", "PROBES", "Answer", "answer", "answering", "net_of"]

Answer = tuple[dict[str, Any], dict[str, np.ndarray]]

PROBES: Mapping[str, Callable[..., Answer]] = {
    "saliency": saliency.answer,
    "images": saliency.shown_images,
    "unit_shares": unit_shares.answer,
    "sanity": trust.sanity,
    "trust": trust.answer,
    "smoothness": smoothness.answer,
    "lesions": lesions.lesions,
    "random_lesions": lesions.random_lesions,
    "shuffles": lesions.shuffles,
    "lesion": bench.lesion,
    "contributions": paths.contributions,
    "expansion": paths.expansion,
    "path_lengths": paths.path_lengths,
    "layer_gradients": gradients.layer_gradients,
    "gradient_correlations": gradients.gradient_correlations,
    "jacobians": gradients.jacobians,
    "activations": gradients.activations,
    "fresh_profile": fresh_profile.fresh_profile,
    "skip_dial": skip_dial.skip_dial,
    "one_update": one_update.one_update,
}
OF_A_TRAINING = ("one_update",)
"""Probes that ask how the training goes on: they are given its `Moment` too."""
LONG_PROBES: Mapping[str, Callable[..., Iterator[Partial]]] = {
    "loss_plane": surface.plane,
    "loss_line": surface.line,
    "loss_interpolation": surface.interpolation,
}


def answer(source: Run | str, probe: str, arguments: Mapping[str, Any]) -> Answer:
    """Facts (plain data) and arrays by name, of a run's net, of "torchvision:resnet-50", or of a net
    at its start that is no run, such as "fresh:net=plain-56&width=8&seed=1".

    Every probe takes `step` besides its own arguments: after so many training steps, one of
    `run.weight_steps()` or 0 for the initial weights; the last ones kept by default. One that takes
    `pixels` takes the name of a shipped `photograph` as well (see `resnet_edu.photographs`). Raises
    `ValueError` for unknown probes and arguments.
    """
    *_, whole = answering(source, probe, arguments)
    return whole.facts, whole.arrays


def answering(
    source: Run | str, probe: str, arguments: Mapping[str, Any], kept: Kept = None
) -> Iterator[Partial]:
    """The answer in pieces, the last of which is the whole; a quick one comes in one piece. A long one
    goes on from the arrays `kept` of an earlier piece. Raises `ValueError` as `answer` does."""
    asked = {**PROBES, **LONG_PROBES}.get(probe)
    if asked is None:
        raise ValueError(f"probe is {probe!r}; allowed: {', '.join([*PROBES, *LONG_PROBES])}")
    own = {name: value for name, value in arguments.items() if name not in ("step", "photograph")}
    of_picture = {"pixels", "photograph"} & {name for name in arguments if arguments[name] is not None}
    net, data, step = source_of(source, arguments.get("step"), own_picture=bool(of_picture))
    if "photograph" in of_picture:
        own["pixels"] = photograph_for(data, arguments["photograph"])
    given: tuple[Any, ...] = (net, data)
    if probe in LONG_PROBES:
        given += (kept,)
    elif probe in OF_A_TRAINING:
        given += (moment_of(source, step),)
    try:
        inspect.signature(asked).bind(*given, **own)
    except TypeError as error:
        raise ValueError(f"{probe}: {error}") from None
    if probe in LONG_PROBES:
        for part in LONG_PROBES[probe](*given, **own):
            yield dataclasses.replace(part, facts=part.facts | {"step": step})
    else:
        facts, arrays = PROBES[probe](*given, **own)
        if "photograph" in of_picture and "label" in facts:
            label = named(arguments["photograph"]).label
            facts["label"] = data.class_names.index(label) if label in data.class_names else None
        yield Partial(1, 1, facts | {"step": step}, arrays)
