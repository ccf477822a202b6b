"""All that a training yielded, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from resnet_edu import training
from resnet_edu.data import DataSet, augment, batch_indices, normalise
from resnet_edu.experiment import Experiment
from resnet_edu.randomness import generator_for
from resnet_edu.training import Checkpoint, ComputeChoice, Divergence, Recording

HOW = {"device": "cpu", "precision": "float32", "memory_format": "contiguous_format", "threads": 1}


def inputs_of(experiment: Experiment, data: DataSet, step: int) -> tuple[Tensor, Tensor]:
    """A step's inputs float [batch, C, H, W], augmented where the recipe says so, and its labels."""
    chosen = batch_indices(step, experiment.recipe.batch, len(data.train_labels), experiment.seed)
    inputs = normalise(data.train_images[chosen], data)
    if experiment.recipe.augment:
        inputs = augment(inputs, generator_for(experiment.seed, "augment", step))
    return inputs, data.train_labels[chosen]


@dataclass
class Trained:
    """`states` after every chunk, `norms` by step, `kept`: after which steps weights were due."""

    steps: list[dict[str, float]] = field(default_factory=list)
    evals: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[dict[str, Any]] = field(default_factory=list)
    norms: dict[int, Tensor] = field(default_factory=dict)
    states: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    kept: list[int] = field(default_factory=list)
    diverged: Divergence | None = None
    resolved: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> dict[str, Tensor]:
        return self.states[max(self.states)]

    def losses(self) -> list[float]:
        return [row["loss"] for row in self.steps]

    def numbers(self) -> list[list[dict[str, Any]]]:
        """Everything but the time that it took."""
        timeless = [{name: row[name] for name in ("step", "loss", "lr")} for row in self.steps]
        return [timeless, self.evals, self.blocks]


def run(
    experiment: Experiment,
    images: DataSet,
    *,
    resume: Checkpoint | None = None,
    how: Mapping[str, Any] = HOW,
    chunk_seconds: float | None = None,
    **recording: Any,
) -> Trained:
    trained = Trained()
    settings = {"recording": Recording(**recording), "resume": resume, "chunk_seconds": chunk_seconds}
    for chunk in training.train(experiment, images, ComputeChoice.from_dict(how), **settings):
        trained.steps += [row.to_dict() for row in chunk.steps]
        trained.evals += [row.to_dict() for row in chunk.evals]
        trained.blocks += [row.to_dict() for row in chunk.units]
        if chunk.norms is not None:
            trained.norms |= {int(row[0]): row[1:] for row in chunk.norms}
        if chunk.weights_due:
            trained.kept.append(chunk.step)
        if chunk.diverged is None:
            trained.states[chunk.step] = chunk.state_dict()
        trained.diverged = chunk.diverged
        trained.resolved |= chunk.resolved
    return trained


def same(one: Mapping[Any, Tensor], other: Mapping[Any, Tensor]) -> bool:
    """Equal to the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
