"""Questions to a trained net. Each is a function from (net, data, arguments) to facts and arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from resnet_edu import data, nets
from resnet_edu.experiment import Data, Experiment
from resnet_edu.probes import bench, gradients, lesions, paths, saliency
from resnet_edu.runs import Run

Answer = tuple[dict[str, Any], dict[str, np.ndarray]]

PROBES: Mapping[str, Callable[..., Answer]] = {
    "saliency": saliency.answer,
    "images": saliency.shown_images,
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
}


def answer(run: Run, probe: str, arguments: Mapping[str, Any]) -> Answer:
    """Facts (plain data) and arrays by name. Raises `ValueError` for unknown probes and arguments."""
    if probe not in PROBES:
        raise ValueError(f"probe is {probe!r}; allowed: {', '.join(PROBES)}")
    images, net = _loaded(run.experiment.data), net_of(run)
    try:
        inspect.signature(PROBES[probe]).bind(net, images, **arguments)
    except TypeError as error:
        raise ValueError(f"{probe}: {error}") from None
    return PROBES[probe](net, images, **arguments)


def net_of(run: Run) -> torch.nn.Module:
    """The trained net, in eval mode. Asking again costs nothing: this is what a warm worker is for."""
    return _net(str(run.path), run.experiment)


@lru_cache(4)
def _loaded(spec: Data) -> data.DataSet:
    return data.load(spec)


@lru_cache(16)
def _net(path: str, experiment: Experiment) -> torch.nn.Module:
    images = _loaded(experiment.data)
    net = nets.build(
        experiment.net, channels=images.channels, side=images.side, classes=images.classes, seed=0
    )
    weights = Run(path).weights()
    net.load_state_dict(
        {name: torch.from_numpy(array).to(net.state_dict()[name]) for name, array in weights.items()}
    )
    return net.eval()
