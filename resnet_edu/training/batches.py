"""Mini-batches on the device, prefetched a few steps ahead."""

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

PREFETCH_STEPS = 32
"""Steps whose indices and crops are drawn together: few enough that a GPU does not wait for them."""


class Batches(Protocol):
    """A source of mini-batches. A step's batch depends on the experiment and the step only, so any step can
    be repeated."""

    def begin(self, first: int, count: int) -> None:
        """Start a chunk of `count` steps: row 0 is the step `first`."""

    def prefetch(self, row: int) -> None:
        """Copy what this row needs to the device; called before each step, outside the CUDA graph."""

    def get(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs float32 [B, C, H, W], normalised and augmented, and labels int64 [B] of `row`, int64 [1]
        on the device. Pure tensor arithmetic, which a CUDA graph can capture."""

    def close(self) -> None:
        """End decoding processes, if there are any."""


def make_batches(
    experiment: Experiment,
    data: DataSet,
    memory_format: torch.memory_format,
    rows: int,
    shard: slice = slice(None),
) -> Batches:
    """The source of this data set's batches.

    experiment     batch size, augmentation, seed
    data           the images
    memory_format  of the inputs
    rows           most steps per chunk
    shard          this process's part of every batch
    """
    if isinstance(data, StreamedSet):
        return StreamedBatches(experiment, data, memory_format, shard)
    return DeviceBatches(experiment, data, memory_format, rows, shard)


class DeviceBatches:
    """Batches of a data set that is on the device as a whole, as uint8."""

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
        self.indices = torch.zeros(rows, batch, dtype=torch.int64, device=device)
        self.offsets = torch.zeros(rows, batch, 2, dtype=torch.int64, device=device)
        self.flips = torch.zeros(rows, batch, dtype=torch.bool, device=device)
        self.first = self.count = 0

    def begin(self, first: int, count: int) -> None:
        self.first, self.count = first, count

    def prefetch(self, row: int) -> None:
        if row % PREFETCH_STEPS:
            return
        rows = slice(row, min(row + PREFETCH_STEPS, self.count))
        steps = range(self.first + rows.start, self.first + rows.stop)
        batch, images, shard = self.recipe.batch, len(self.data.train_labels), self.shard
        _copy_rows(
            self.indices[rows], [batch_indices(step, batch, images, self.seed)[shard] for step in steps]
        )
        if self.recipe.augment:
            draws = [draw_augmentation(batch, generator_for(self.seed, "augment", step)) for step in steps]
            _copy_rows(self.offsets[rows], [offsets[shard] for offsets, _ in draws])
            _copy_rows(self.flips[rows], [flips[shard] for _, flips in draws])

    def get(self, row: Tensor) -> tuple[Tensor, Tensor]:
        indices = self.indices.index_select(0, row)[0]
        inputs = normalise(self.data.train_images[indices], self.data)
        if self.recipe.augment:
            draws = self.offsets.index_select(0, row)[0], self.flips.index_select(0, row)[0]
            inputs = apply_augmentation(inputs, *draws)
        return inputs.contiguous(memory_format=self.format), self.data.train_labels[indices]

    def close(self) -> None:
        pass


class StreamedBatches:
    """Batches of photographs that are decoded while the net trains; one batch is on the device at a time."""

    def __init__(
        self,
        experiment: Experiment,
        data: StreamedSet,
        memory_format: torch.memory_format,
        shard: slice = slice(None),
    ) -> None:
        self.data, self.format, self.seed, self.shard = data, memory_format, experiment.seed, shard
        device, self.batch = data.train_labels.device, experiment.recipe.batch
        self.decoded = data.training_batches(self.batch, experiment.seed, experiment.recipe.steps, shard)
        share = len(range(self.batch)[shard])
        self.images = torch.zeros(share, *data.train_images.shape[1:], dtype=torch.uint8, device=device)
        self.shifts = torch.zeros(share, 3, device=device)
        self.indices = torch.zeros(share, dtype=torch.int64, device=device)
        self.first = 0

    def begin(self, first: int, count: int) -> None:
        self.first = first

    def prefetch(self, row: int) -> None:
        step, batch, shard = self.first + row, self.batch, self.shard
        _copy(self.images, self.decoded(step))
        _copy(self.shifts, self.data.shifts(batch, self.seed, step)[shard])
        _copy(self.indices, batch_indices(step, batch, len(self.data.train_labels), self.seed)[shard])

    def get(self, row: Tensor) -> tuple[Tensor, Tensor]:
        inputs = normalise(self.images, self.data) + self.shifts[:, :, None, None]
        return inputs.contiguous(memory_format=self.format), self.data.train_labels[self.indices]

    def close(self) -> None:
        self.decoded.close()


def _copy_rows(target: Tensor, rows: list[Tensor]) -> None:
    _copy(target, torch.stack(rows))


def _copy(target: Tensor, values: Tensor) -> None:
    """One transfer; to a GPU from pinned memory, since any other would synchronise."""
    target.copy_(values.pin_memory() if target.is_cuda else values, non_blocking=True)
