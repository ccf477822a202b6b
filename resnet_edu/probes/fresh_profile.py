"""Any net at its start: is it the shortcut, the norm, or the initial weights? Before anything is learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from resnet_edu import measure, nets
from resnet_edu.data import DataSet, normalise
from resnet_edu.experiment import name_of
from resnet_edu.nets import ResNet
from resnet_edu.probes.arguments import first_images, told, whole
from resnet_edu.probes.fresh import image_sizes
from resnet_edu.randomness import generator_for

MOST_SEEDS = 8

Answer = tuple[dict[str, Any], dict[str, np.ndarray]]


def fresh_profile(net: ResNet, data: DataSet, *, images: int = 64, seeds: int = 1) -> Answer:
    """The gradient along a net with its initial weights, of `seeds` seeds from its own on.

    The first `images` training images, real ones; a batch norm goes by the batch, as in training. A trained
    net is answered for as it was at its start.

    Arrays: `seed` [S], `layer` names [L], `name` of the units [U]; `weight_gradient` [S, L], the L2 norm of
    each layer's weight gradient; `activation_gradient` [S, U], that of the gradient at each unit's output,
    and `correlation` [S, U], its mean cosine with the gradient at an input moved by 1 % (−1 … 1); `loss` [S]
    in nats.
    Facts: `plain`, `depth`, `init`, `norm`, `order`, `shortcut` and `statistics` ('batch').
    """
    if net.seed is None:
        raise ValueError(f"the weights that {name_of(net.spec)} began with are not known: it has no seed")
    count = whole("seeds", seeds, 1, MOST_SEEDS)
    shown, labels = first_images(data, images, "train")
    inputs, sizes = normalise(shown, data), image_sizes(data)
    chosen = [net.seed + i for i in range(count)]
    profiles = []
    for seed in chosen:
        begun = nets.build(net.spec, **sizes, seed=seed)
        nearby = generator_for(0, "nearby inputs")  # the same move for all: only the net differs
        profiles.append(measure.gradient_profile(begun, inputs, labels, nearby))
    spec = net.spec
    facts = told(net, len(labels), "train") | {
        "plain": spec.plain,
        "depth": spec.depth,
        "init": spec.init,
        "norm": spec.norm.kind,
        "order": spec.order,
        "shortcut": spec.shortcut.kind,
        "statistics": "batch",
        "moved_by": measure.NEARBY,
    }
    return facts, {
        "seed": np.array(chosen),
        "layer": np.array([name for name, _ in nets.layers(net)]),
        "name": np.array([name for name, _ in net.units()]),
        "weight_gradient": np.array([each.weight for each in profiles]),
        "activation_gradient": np.array([each.activation for each in profiles]),
        "correlation": np.array([each.correlation for each in profiles]),
        "loss": np.array([each.loss for each in profiles]),
    }
