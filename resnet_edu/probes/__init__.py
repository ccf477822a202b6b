"""Probes measure a net. Each is a function of (net, data, arguments) that returns facts and arrays; a long
probe is a generator of partial answers (`partial.py`)."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resnet_edu.photographs import named
from resnet_edu.probes import (
    construction,
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
    unit_surgery,
)
from resnet_edu.probes.image import photograph_for
from resnet_edu.probes.moments import moment_of
from resnet_edu.probes.partial import Kept, Partial
from resnet_edu.probes.sources import net_of, source_of
from resnet_edu.runs import Run
from resnet_edu.runs.answers import ProbeAnswer

__all__ = ["LONG_PROBES", "PROBES", "ProbeAnswer", "answer", "iter_answer", "net_of"]

PROBES: Mapping[str, Callable[..., ProbeAnswer]] = {
    "saliency": saliency.saliency_map,
    "images": saliency.shown_images,
    "unit_shares": unit_shares.unit_shares,
    "sanity": trust.sanity,
    "trust": trust.trust_scores,
    "smoothness": smoothness.smoothness,
    "lesions": lesions.lesions,
    "random_lesions": lesions.random_lesions,
    "shuffles": lesions.shuffles,
    "lesion": unit_surgery.lesion,
    "deepened": construction.deepened,
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
"""Probes of a training run: their third argument is its `Moment`."""
LONG_PROBES: Mapping[str, Callable[..., Iterator[Partial]]] = {
    "loss_plane": surface.plane,
    "loss_line": surface.line,
    "loss_interpolation": surface.interpolation,
}


def answer(source: Run | str, probe: str, arguments: Mapping[str, Any]) -> ProbeAnswer:
    """Run a probe; returns facts (plain data) and arrays by name.

    - `source`: a run, "torchvision:resnet-50", or a fresh net such as "fresh:net=plain-56&width=8&seed=1".
    - `probe`: a name in `PROBES` or `LONG_PROBES`.
    - `arguments`: the probe's own. Every probe also takes `step`: one of `run.weight_steps()`, or 0 for the
      initial weights; by default the last one. Probes with `pixels` also take the name of a shipped
      `photograph` (see `resnet_edu.photographs`).

    Raises `ValueError` for unknown probes and arguments.
    """
    *_, whole = iter_answer(source, probe, arguments)
    return ProbeAnswer(whole.facts, whole.arrays)


def iter_answer(
    source: Run | str, probe: str, arguments: Mapping[str, Any], kept: Kept = None
) -> Iterator[Partial]:
    """Yield partial answers; the last one is complete. A quick probe yields one; a long one resumes from the
    arrays `kept` of an earlier partial answer. Raises `ValueError` as `answer` does."""
    function: Callable[..., Any] | None = {**PROBES, **LONG_PROBES}.get(probe)
    if function is None:
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
        inspect.signature(function).bind(*given, **own)
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
