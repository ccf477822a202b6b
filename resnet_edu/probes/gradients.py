"""Gradients and activations of a net at any step: by layer, by unit, by ReLU.

Norms show whether gradients vanish or explode; correlations, whether they are still informative (Balduzzi
2017). Parameters of all probes here:

- `images`: at most so many, the first of their set.
- `of`: their set, "test" or "train".
- `statistics`: of batch norms: "batch", as in training, or "running", as at test time; at step 0 the running
  ones are not those of any training.
"""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import torch
import torch.nn.functional as F

from resnet_edu import measure, nets
from resnet_edu.data import DataSet, normalise
from resnet_edu.nets import ResNet
from resnet_edu.probes.arguments import (
    base_facts,
    by_batch,
    check_int,
    check_nonnegative,
    first_images,
    unit_columns,
)
from resnet_edu.randomness import generator_for
from resnet_edu.runs.answers import ProbeAnswer

MOMENTUM = 0.9


def layer_gradients(
    net: ResNet,
    data: DataSet,
    *,
    images: int = 128,
    of: str = "train",
    statistics: str = "batch",
    lr: float = 0.1,
    weight_decay: float = 1e-4,
) -> ProbeAnswer:
    """One row per layer: norms of gradient, weight, and one step of SGD; the net itself does not change.

    - `images`, `of`, `statistics`: see the module.
    - `lr`, `weight_decay`: of the step. It is a first step, without accumulated momentum; for a constant
      gradient, momentum makes later steps ten times as long.

    Columns: `layer`, from 0; `name`; the L2 norms `gradient` of the loss, `weight`, and `update`; and their
    `ratio` update : weight. Facts: `loss` in nats.
    """
    shown, labels = first_images(data, images, of)
    lr, weight_decay = check_nonnegative("lr", lr), check_nonnegative("weight_decay", weight_decay)
    moved = copy.deepcopy(net)
    layers = nets.layers(moved)
    before = torch.stack([weight.detach().norm() for _, weight in layers])
    optimizer = torch.optim.SGD(moved.parameters(), lr, MOMENTUM, weight_decay=weight_decay)
    with measure.preserve_bn_stats(moved, training=by_batch(statistics)):
        loss = F.cross_entropy(moved(normalise(shown, data)), labels)
        loss.backward()
    optimizer.step()
    gradient, _, update = measure.layer_norms([weight for _, weight in layers], optimizer)
    facts = base_facts(net, len(labels), of) | {
        "statistics": statistics,
        "lr": lr,
        "weight_decay": weight_decay,
    }
    columns = {
        "layer": np.arange(len(layers)),
        "name": np.array([name for name, _ in layers]),
        "gradient": gradient.numpy(),
        "weight": before.numpy(),
        "update": update.numpy(),
        "ratio": (update / before).numpy(),
    }
    return ProbeAnswer(facts | {"loss": loss.item()}, columns)


def gradient_correlations(
    net: ResNet,
    data: DataSet,
    *,
    images: int = 128,
    of: str = "train",
    statistics: str = "batch",
    seed: int = 0,
) -> ProbeAnswer:
    """One row per unit: the gradient at its output, and its cosines with other gradients (Balduzzi 2017 §2).

    - `images`, `of`, `statistics`: see the module.
    - `seed`: of the random move of each image.

    Columns: those of `unit_columns`; `gradient`, the L2 norm of the loss gradient at the unit's output; and
    mean cosines, −1 … 1: `nearby`, at an image and at the same image moved by 1 %; `examples`, of all pairs
    of images; `same_class`, of the pairs of one class.
    """
    shown, labels = first_images(data, images, of)
    batchwise, inputs = {"batch_statistics": by_batch(statistics)}, normalise(shown, data)
    draws = generator_for(check_int("seed", seed, 0), "nearby inputs")
    near = measure.block_gradients(net, inputs, labels, draws, **batchwise)
    between = measure.example_correlations(net, inputs, labels, **batchwise)
    columns = {
        "gradient": np.array(near.gradient),
        "nearby": np.array(near.correlation),
        "examples": np.array(between.pairs),
        "same_class": np.array(between.same_class),
    }
    facts = base_facts(net, len(labels), of) | {"statistics": statistics, "moved_by": 0.01, "seed": seed}
    return ProbeAnswer(facts, unit_columns(net) | columns)


def jacobians(
    net: ResNet,
    data: DataSet,
    *,
    images: int = 64,
    samples: int = 8,
    of: str = "train",
    statistics: str = "batch",
    seed: int = 0,
) -> ProbeAnswer:
    """One row per unit: the Jacobian from the image to the unit's output.

    - `images`, `of`, `statistics`: see the module.
    - `samples`: random directions per image, pushed forward through the net (Hutchinson 1990).
    - `seed`: of the directions.

    Columns: those of `unit_columns`; `norm`, the Frobenius norm of the Jacobian; `norm_se`, the estimate's
    standard error over the samples; `growth`, by which factor the net stretches a small random change of
    the image. Norms are root mean squares over the images.
    """
    shown, labels = first_images(data, images, of)
    samples, seed = check_int("samples", samples, 2, 10_000), check_int("seed", seed, 0)
    inputs, batchwise = normalise(shown, data), by_batch(statistics)
    squares = []
    for sample in range(samples):
        u = torch.randn(inputs.shape, generator=generator_for(seed, "jacobian", sample)).to(inputs)
        found = measure.jvp_squared_norms(net, inputs, u, batch_statistics=batchwise)
        squares.append(torch.stack([each.mean() for each in found.values()]))
    square = torch.stack(squares)
    norm = square.mean(0).sqrt()
    error = square.std(0) / samples**0.5 / (2 * norm)  # d√m = dm / 2√m
    columns = {
        "norm": norm.numpy(),
        "norm_se": error.numpy(),
        "growth": (norm / inputs[0].numel() ** 0.5).numpy(),
    }
    facts = base_facts(net, len(labels), of) | {"statistics": statistics, "samples": samples, "seed": seed}
    return ProbeAnswer(facts, unit_columns(net) | columns)


def activations(
    net: ResNet, data: DataSet, *, images: int = 256, of: str = "train", statistics: str = "batch"
) -> ProbeAnswer:
    """One row per ReLU, in the order of the forward pass, on these images (parameters: see the module).

    Columns: `relu`, from 0; `name`; `mean` and `sd` of its output; `zero`, the share of its outputs that are
    0, in %; `dead`, the share of its channels that are 0 everywhere on all images, in %.
    """
    shown, labels = first_images(data, images, of)
    found = measure.relu_activations(net, normalise(shown, data), batch_statistics=by_batch(statistics))
    columns = {"relu": np.arange(len(found))}
    for field in dataclasses.fields(measure.Activations):
        columns[field.name] = np.array([getattr(each, field.name) for each in found])
    return ProbeAnswer(base_facts(net, len(labels), of) | {"statistics": statistics}, columns)
