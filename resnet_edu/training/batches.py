"""Where a step gets its inputs and labels from: laid out on the device a few steps ahead."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from resnet_edu.data import (
    DataSet,
    StreamedSet,
    apply_augmentation,
    batch_indices,
    draw_augmentation,
    normalise,
)
from resnet_edu.experiment import Experiment
from resnet_edu.randomness import generator_for

AHEAD = 32
"""Steps whose draws are made at once: few enough that a GPU does not wait for them, and goes on meanwhile."""


class Batches(Protocol):
    """A source of mini-batches. A step's batch depends on the experiment and the step alone, so any
    step can be asked for again."""

    def begin(self, first: int, count: int) -> None:
        """Row 0 is the step `first` from now on, and `count` rows will be asked for."""

    def feed(self, row: int) -> None:
        """Have this row on the device. Called before each step, outside of what is captured."""

    def take(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs float32 [B, C, H, W], normalised and augmented, and labels int64 [B], of the row whose
        number, int64 [1], lies on the device. Tensor arithmetic alone, which a CUDA graph can replay."""

    def close(self) -> None:
        """No more is asked for."""


def batches(
    experiment: Experiment,
    data: DataSet,
    memory_format: torch.memory_format,
    rows: int,
    shard: slice = slice(None),
) -> Batches:
    """Where this data set's batches come from; up to `rows` of them are asked for in one block. Of each comes
    the `shard`."""
    if isinstance(data, StreamedSet):
        return Streamed(experiment, data, memory_format, shard)
    return Resident(experiment, data, memory_format, rows, shard)


class Resident:
    """Batches of a data set that lies on the device as a whole, as uint8."""

    def __init__(
        self,
        experiment: Experiment,
        data: DataSet,
        memory_format: torch.memory_format,
        rows: int,
        shard: slice = slice(None),
    ) -> None:
        self.recipe, self.seed, self.data, self.format = (
            experiment.recipe,
            experiment.seed,
            data,
            memory_format,
        )
        self.shard, device = shard, data.train_labels.device
        batch = len(range(experiment.recipe.batch)[shard])
        self.chosen = torch.zeros(rows, batch, dtype=torch.int64, device=device)
        self.offsets = torch.zeros(rows, batch, 2, dtype=torch.int64, device=device)
        self.flips = torch.zeros(rows, batch, dtype=torch.bool, device=device)
        self.first = self.count = 0

    def begin(self, first: int, count: int) -> None:
        self.first, self.count = first, count

    def feed(self, row: int) -> None:
        if row % AHEAD:
            return
        rows = slice(row, min(row + AHEAD, self.count))
        steps = range(self.first + rows.start, self.first + rows.stop)
        batch, images, shard = self.recipe.batch, len(self.data.train_labels), self.shard
        _lay_out(self.chosen[rows], [batch_indices(step, batch, images, self.seed)[shard] for step in steps])
        if self.recipe.augment:
            draws = [draw_augmentation(batch, generator_for(self.seed, "augment", step)) for step in steps]
            _lay_out(self.offsets[rows], [offsets[shard] for offsets, _ in draws])
            _lay_out(self.flips[rows], [flips[shard] for _, flips in draws])

    def take(self, row: Tensor) -> tuple[Tensor, Tensor]:
        chosen = self.chosen.index_select(0, row)[0]
        inputs = normalise(self.data.train_images[chosen], self.data)
        if self.recipe.augment:
            draws = self.offsets.index_select(0, row)[0], self.flips.index_select(0, row)[0]
            inputs = apply_augmentation(inputs, *draws)
        return inputs.contiguous(memory_format=self.format), self.data.train_labels[chosen]

    def close(self) -> None:
        pass


class Streamed:
    """Batches of photographs that are decoded while the net trains. On the device lies one at a time."""

    def __init__(
        self,
        experiment: Experiment,
        data: StreamedSet,
        memory_format: torch.memory_format,
        shard: slice = slice(None),
    ) -> None:
        self.data, self.format, self.seed, self.shard = data, memory_format, experiment.seed, shard
        device, self.batch = data.train_labels.device, experiment.recipe.batch
        self.views = data.training_batches(self.batch, experiment.seed, experiment.recipe.steps, shard)
        share = len(range(self.batch)[shard])
        self.images = torch.zeros(share, *data.train_images.shape[1:], dtype=torch.uint8, device=device)
        self.shifts = torch.zeros(share, 3, device=device)
        self.chosen = torch.zeros(share, dtype=torch.int64, device=device)
        self.first = 0

    def begin(self, first: int, count: int) -> None:
        self.first = first

    def feed(self, row: int) -> None:
        step, batch, shard = self.first + row, self.batch, self.shard
        _put(self.images, self.views(step))
        _put(self.shifts, self.data.shifts(batch, self.seed, step)[shard])
        _put(self.chosen, batch_indices(step, batch, len(self.data.train_labels), self.seed)[shard])

    def take(self, row: Tensor) -> tuple[Tensor, Tensor]:
        inputs = normalise(self.images, self.data) + self.shifts[:, :, None, None]
        return inputs.contiguous(memory_format=self.format), self.data.train_labels[self.chosen]

    def close(self) -> None:
        self.views.close()


def _lay_out(target: Tensor, rows: list[Tensor]) -> None:
    _put(target, torch.stack(rows))


def _put(target: Tensor, values: Tensor) -> None:
    """One transfer; from pinned memory where there is a GPU, since any other waits for the work before it."""
    target.copy_(values.pin_memory() if target.is_cuda else values, non_blocking=True)
