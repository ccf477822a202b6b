"""The deeper net that is no worse: identity units put into a trained one (He 2015 §1)."""

from __future__ import annotations

import numpy as np

from resnet_edu import measure
from resnet_edu.data import DataSet
from resnet_edu.nets import ResNet, surgery
from resnet_edu.probes.arguments import base_facts, check_int, first_images
from resnet_edu.runs.answers import ProbeAnswer

MOST_LAYERS = 2000
AT_ONCE = 500  # images


def deepened(net: ResNet, data: DataSet, *, depth: int, images: int = 1500, of: str = "train") -> ProbeAnswer:
    """One row for the net as it is, and one for the net grown to `depth` layers by identity units.

    He 2015 §1: "There exists a solution by construction to the deeper model: the added layers are identity
    mapping". Both are measured in eval mode, with the trained net's running statistics.

    - `depth`: layers of the deeper net; as many as the net has, or more.
    - `images`: at most so many, the first of their set.
    - `of`: their set, "train" or "test".

    Columns: `depth`; `loss` in nats; `error` in %. Fact: `moved`, the absolute difference of the losses.
    Raises `ValueError` for a depth that the net cannot have.
    """
    depth = check_int("depth", depth, net.spec.depth, MOST_LAYERS)
    shown, labels = first_images(data, images, of)
    both = (net, surgery.deepen(net, depth))
    found = [measure.errors(each, data, shown, labels, batch=AT_ONCE) for each in both]
    columns = {
        "depth": np.array([each.spec.depth for each in both]),
        "loss": np.array([each.loss for each in found]),
        "error": np.array([each.error for each in found]),
    }
    facts = base_facts(net, len(labels), of) | {"moved": abs(found[1].loss - found[0].loss)}
    return ProbeAnswer(facts, columns)
