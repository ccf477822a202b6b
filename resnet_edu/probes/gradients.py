"""How gradients and signals fare in a net as it is, at its start or trained: by layer, by unit, by ReLU.

Norms tell whether gradients vanish or explode; correlations tell whether they still say anything
(Balduzzi 2017). `statistics` says whose a batch norm uses: 'batch', as in training, or 'running', as
at test time. At step 0 the running ones say nothing yet.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from resnet_edu import measure, nets
from resnet_edu.data import DataSet, normalise
from resnet_edu.nets import ResNet
from resnet_edu.probes.arguments import amount, by_batch, first_images, told, where, whole
from resnet_edu.randomness import generator_for

MOMENTUM = 0.9

Answer = tuple[dict[str, Any], dict[str, np.ndarray]]


def layer_gradients(
    net: ResNet,
    data: DataSet,
    *,
    images: int = 128,
    of: str = "train",
    statistics: str = "batch",
    lr: float = 0.1,
    weight_decay: float = 1e-4,
) -> Answer:
    """A row a layer: L2 norms of the loss `gradient`, of the `weight`, and of the `update` that one step
    of SGD makes, from rest, on the first `images` images; and `ratio`, update : weight.

    The step is of `lr` and `weight_decay`. Momentum has nothing gathered in a first step, but at a steady
    gradient it makes later ones ten times as long. The net itself is left as it is.
    """
    shown, labels = first_images(data, images, of)
    lr, weight_decay = amount("lr", lr), amount("weight_decay", weight_decay)
    moved = copy.deepcopy(net)
    layers = nets.layers(moved)
    before = torch.stack([weight.detach().norm() for _, weight in layers])
    optimizer = torch.optim.SGD(moved.parameters(), lr, MOMENTUM, weight_decay=weight_decay)
    with measure.preserve_bn_stats(moved, training=by_batch(statistics)):
        loss = F.cross_entropy(moved(normalise(shown, data)), labels)
        loss.backward()
    optimizer.step()
    gradient, _, update = measure.layer_norms([weight for _, weight in layers], optimizer)
    facts = told(net, len(labels), of) | {"statistics": statistics, "lr": lr, "weight_decay": weight_decay}
    columns = {
        "layer": np.arange(len(layers)),
        "name": np.array([name for name, _ in layers]),
        "gradient": gradient.numpy(),
        "weight": before.numpy(),
        "update": update.numpy(),
        "ratio": (update / before).numpy(),
    }
    return facts | {"loss": loss.item()}, columns


def gradient_correlations(
    net: ResNet,
    data: DataSet,
    *,
    images: int = 128,
    of: str = "train",
    statistics: str = "batch",
    seed: int = 0,
) -> Answer:
    """A row a unit: the loss `gradient` at its output, its L2 norm, and how alike it is elsewhere.

    Mean cosines, −1 … 1: `nearby`, with the gradient at the same image moved by 1 %; `examples`, between
    all pairs of different images, and `same_class`, between those of one class (Balduzzi 2017 §2).
    """
    shown, labels = first_images(data, images, of)
    batchwise, inputs = {"batch_statistics": by_batch(statistics)}, normalise(shown, data)
    draws = generator_for(whole("seed", seed, 0), "nearby inputs")
    near = measure.block_gradients(net, inputs, labels, draws, **batchwise)
    between = measure.example_correlations(net, inputs, labels, **batchwise)
    columns = {
        "gradient": np.array(near.gradient),
        "nearby": np.array(near.correlation),
        "examples": np.array(between.pairs),
        "same_class": np.array(between.same_class),
    }
    facts = told(net, len(labels), of) | {"statistics": statistics, "moved_by": 0.01, "seed": seed}
    return facts, _located(net) | columns


def jacobians(
    net: ResNet,
    data: DataSet,
    *,
    images: int = 64,
    samples: int = 8,
    of: str = "train",
    statistics: str = "batch",
    seed: int = 0,
) -> Answer:
    """A row a unit: `norm`, of the Jacobian image → the unit's output (Frobenius), and `growth`, how many
    times as long a random small change of the image has become there.

    Estimated by pushing `samples` random directions an image through the net (Hutchinson 1990); `norm_se`
    is the estimate's standard error over the samples. Norms are root mean squares over the images.
    """
    shown, labels = first_images(data, images, of)
    samples, seed = whole("samples", samples, 2, 10_000), whole("seed", seed, 0)
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
    facts = told(net, len(labels), of) | {"statistics": statistics, "samples": samples, "seed": seed}
    return facts, _located(net) | columns


def activations(
    net: ResNet, data: DataSet, *, images: int = 256, of: str = "train", statistics: str = "batch"
) -> Answer:
    """A row a ReLU, in the order of the forward pass: `mean` and `sd` of what it lets through, and in %
    the shares of its numbers that are `zero`, and of its channels that are zero everywhere on all
    images, `dead`."""
    shown, labels = first_images(data, images, of)
    found = measure.relu_activations(net, normalise(shown, data), batch_statistics=by_batch(statistics))
    columns = {"relu": np.arange(len(found))}
    for field in dataclasses.fields(measure.Activations):
        columns[field.name] = np.array([getattr(each, field.name) for each in found])
    return told(net, len(labels), of) | {"statistics": statistics}, columns


def _located(net: ResNet) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in where(net).items()}
