"""A data set that is larger than memory: `load` returns it for photographs of view `jitter`."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

from torch import Tensor

from resnet_edu.data.colours import draw_lighting
from resnet_edu.data.dataset import DataSet
from resnet_edu.data.photographs import Photographs, TrainingBatches, prefetch


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedSet(DataSet):
    """A data set whose images are decoded on demand: test transform by default, `training_batches` for
    augmented batches, `shifts` for their colour jitter.

    scales      least and greatest short side, in pixels
    lighting    standard deviation of the colour jitter (Krizhevsky 2012 §4.1)
    components  its λᵢpᵢ, float32 [3, 3]
    """

    train_images: Photographs
    test_images: Photographs
    scales: tuple[int, int]
    lighting: float
    components: Tensor

    def training_batches(
        self, batch: int, seed: int, steps: int, shard: slice = slice(None)
    ) -> PrefetchedBatches:
        """The augmented images of each of `steps` steps; `shard` selects this process's part of a batch."""
        return PrefetchedBatches(TrainingBatches(self.train_images, self.scales, batch, seed, shard), steps)

    def shifts(self, batch: int, seed: int, step: int) -> Tensor:
        """Colour jitter, added to a step's normalised images: float32 [B, 3], on the CPU."""
        return draw_lighting(batch, self.lighting, self.components, seed, step) / self.scale


class PrefetchedBatches:
    """`batches(step)` returns a step's images, uint8 [B, 3, H, W] on the CPU, in pinned memory for a GPU.

    Processes decode the next steps in advance; asking for another step restarts them there."""

    def __init__(self, batches: TrainingBatches, steps: int) -> None:
        self.batches, self.steps, self.next = batches, steps, -1
        self.decoded: Generator[Tensor] | None = None

    def __call__(self, step: int) -> Tensor:
        if step != self.next or self.decoded is None:
            self.close()
            images = self.batches.photographs
            self.decoded = prefetch(self.batches, range(step, self.steps), images.workers, images.device)
        self.next = step + 1
        return next(self.decoded)

    def close(self) -> None:
        """End the decoding processes; another call starts new ones."""
        if self.decoded is not None:
            self.decoded.close()
        self.next = -1
