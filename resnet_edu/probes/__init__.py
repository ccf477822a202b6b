"""Questions to a trained net. Each is a function from (net, data, arguments) to facts and arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from resnet_edu.probes import saliency, smoothness, trust, unit_shares
from resnet_edu.probes.sources import net_of, source_of
from resnet_edu.runs import Run

__all__ = ["PROBES", "Answer", "answer", "net_of"]

Answer = tuple[dict[str, Any], dict[str, np.ndarray]]

PROBES: Mapping[str, Callable[..., Answer]] = {
    "saliency": saliency.answer,
    "images": saliency.shown_images,
    "unit_shares": unit_shares.answer,
    "sanity": trust.sanity,
    "trust": trust.answer,
    "smoothness": smoothness.answer,
}


def answer(source: Run | str, probe: str, arguments: Mapping[str, Any]) -> Answer:
    """Facts (plain data) and arrays by name, of a run's net or of "torchvision:resnet-50".

    Every probe takes `step` besides its own arguments: after so many training steps, one of
    `run.weight_steps()` or 0 for the initial weights; the last ones kept by default. Raises `ValueError`
    for unknown probes and arguments.
    """
    if probe not in PROBES:
        raise ValueError(f"probe is {probe!r}; allowed: {', '.join(PROBES)}")
    own = {name: value for name, value in arguments.items() if name != "step"}
    net, data, step = source_of(source, arguments.get("step"))
    try:
        inspect.signature(PROBES[probe]).bind(net, data, **own)
    except TypeError as error:
        raise ValueError(f"{probe}: {error}") from None
    facts, arrays = PROBES[probe](net, data, **own)
    return facts | {"step": step}, arrays
