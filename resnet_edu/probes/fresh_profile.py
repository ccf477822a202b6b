"""Any net at its start: is it the shortcut, the norm, or the initial weights? Before anything is learned."""

from __future__ import annotations

import numpy as np

from resnet_edu import measure, nets
from resnet_edu.data import DataSet, normalise
from resnet_edu.experiment import name_of
from resnet_edu.nets import ResNet
from resnet_edu.probes.arguments import base_facts, check_int, first_images
from resnet_edu.probes.fresh import image_sizes
from resnet_edu.randomness import generator_for
from resnet_edu.runs.answers import ProbeAnswer

MOST_SEEDS = 8


def fresh_profile(net: ResNet, data: DataSet, *, images: int = 64, seeds: int = 1) -> ProbeAnswer:
    """The gradient along a net with initial weights, for the net's own seed and the `seeds` − 1 after it.

    It is computed on the first `images` training images; batch norms use the statistics of the batch, as in
    training. For a trained net it is the profile at its start.

    Arrays: `seed` [S], `layer` names [L], `name` of the units [U]; `weight_gradient` [S, L], the L2 norm of
    each layer's weight gradient; `activation_gradient` [S, U], that of the gradient at each unit's output,
    and `correlation` [S, U], its mean cosine with the gradient at an input moved by 1 % (−1 … 1); `loss` [S]
    in nats.
    Facts: `plain`, `depth`, `init`, `norm`, `order`, `shortcut` and `statistics` ("batch"). Raises
    `ValueError` for a net without a seed.
    """
    if net.seed is None:
        raise ValueError(f"the weights that {name_of(net.spec)} began with are not known: it has no seed")
    count = check_int("seeds", seeds, 1, MOST_SEEDS)
    shown, labels = first_images(data, images, "train")
    inputs, sizes = normalise(shown, data), image_sizes(data)
    chosen = [net.seed + i for i in range(count)]
    profiles = []
    for seed in chosen:
        begun = nets.build(net.spec, **sizes, seed=seed)
        nearby = generator_for(0, "nearby inputs")  # the same noise for all seeds: only the net differs
        profiles.append(measure.gradient_profile(begun, inputs, labels, nearby))
    spec = net.spec
    facts = base_facts(net, len(labels), "train") | {
        "plain": spec.plain,
        "depth": spec.depth,
        "init": spec.init,
        "norm": spec.norm.kind,
        "order": spec.order,
        "shortcut": spec.shortcut.kind,
        "statistics": "batch",
        "moved_by": measure.NEARBY,
    }
    return ProbeAnswer(
        facts,
        {
            "seed": np.array(chosen),
            **measure.profile_columns(net, profiles),
            "loss": np.array([each.loss for each in profiles]),
        },
    )
