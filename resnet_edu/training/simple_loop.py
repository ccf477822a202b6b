"""Read this first: training in its shortest form, for batch: forward, loss, backward, SGD.

`loop.train` does the same with measurements, resuming, half precision and GPUs. A test holds the two equal,
to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from resnet_edu import nets
from resnet_edu.data import DataSet, augment, batch_indices, normalise
from resnet_edu.experiment import Experiment, SpecError
from resnet_edu.nets import ResNet
from resnet_edu.randomness import generator_for
from resnet_edu.training.frozen import freeze_units


def train(experiment: Experiment, data: DataSet) -> Iterator[tuple[ResNet, float]]:
    """Yield the net and the batch's loss (mean cross-entropy, nats) after each step, on the CPU.

    Raises `SpecError` for greedy training and for dropout, which it does not have.
    """
    recipe, seed = experiment.recipe, experiment.seed
    if recipe.greedy or recipe.dropout:
        raise SpecError("the simple loop has neither phases nor dropout: set greedy and dropout to 0")
    sizes = {"channels": data.channels, "side": data.side, "classes": data.classes}
    net = nets.build(experiment.net, **sizes, seed=seed)
    freeze_units(net, experiment)
    decay = recipe.weight_decay
    optimizer = torch.optim.SGD(net.parameters(), recipe.lr, recipe.momentum, weight_decay=decay, fused=True)
    for step in range(recipe.steps):
        chosen = batch_indices(step, recipe.batch, len(data.train_labels), seed)
        images = normalise(data.train_images[chosen], data)
        if recipe.augment:
            images = augment(images, generator_for(seed, "augment", step))
        loss = F.cross_entropy(net(images), data.train_labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = recipe.lr_at(step)
        optimizer.step()
        yield net, loss.item()
