"""A data set that is larger than memory: `load` gives it for photographs whose view is `jitter`."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

from torch import Tensor

from resnet_edu.data.colours import draw_lighting
from resnet_edu.data.dataset import DataSet, normalise
from resnet_edu.data.order import batch_indices
from resnet_edu.data.photographs import Photographs, TrainingViews, ahead
from resnet_edu.experiment import Recipe


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedSet(DataSet):
    """As any data set, but that its images are `Photographs`, as they are seen in a test.

    In training they are seen otherwise: `batches` has them. `components` are of the `Colours`.
    """

    train_images: Photographs
    test_images: Photographs
    scales: tuple[int, int]
    lighting: float
    components: Tensor

    def batches(self, recipe: Recipe, seed: int) -> Batches:
        return Batches(self, recipe, seed)


class Batches:
    """A step's mini-batch, by its index: normalised inputs float32 [B, 3, H, W] and labels int64 [B], on
    the data set's device. Steps asked for in turn are decoded ahead. Any other may be asked for, too."""

    def __init__(self, data: StreamedSet, recipe: Recipe, seed: int) -> None:
        self.data, self.recipe, self.seed = data, recipe, seed
        self.views = TrainingViews(data.train_images, data.scales, recipe.batch, seed)
        self.next = -1
        self.decoded: Generator[Tensor] | None = None

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        data, batch = self.data, self.recipe.batch
        device = data.train_labels.device
        images = self._images(step).to(device, non_blocking=True)
        chosen = batch_indices(step, batch, len(data.train_labels), self.seed).to(device)
        shifts = draw_lighting(batch, data.lighting, data.components, self.seed, step) / data.scale
        return normalise(images, data) + shifts.to(device)[:, :, None, None], data.train_labels[chosen]

    def close(self) -> None:
        """End the processes that decode; whoever asks again begins anew."""
        if self.decoded is not None:
            self.decoded.close()
        self.next = -1

    def _images(self, step: int) -> Tensor:
        if step != self.next or self.decoded is None:
            self.close()
            workers, device = self.data.train_images.workers, self.data.train_images.device
            self.decoded = ahead(self.views, range(step, self.recipe.steps), workers, device)
        self.next = step + 1
        return next(self.decoded)
