"""A data set that is larger than memory: `load` gives it for photographs whose view is `jitter`."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

from torch import Tensor

from resnet_edu.data.colours import draw_lighting
from resnet_edu.data.dataset import DataSet
from resnet_edu.data.photographs import Photographs, TrainingViews, ahead


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedSet(DataSet):
    """As any data set, but that its images are `Photographs`, as they are seen in a test.

    In training they are seen otherwise, as `training_views`, and lit by `shifts`. Short sides are drawn
    from `scales`; `lighting` is the standard deviation of Krizhevsky 2012 §4.1, `components` its λᵢpᵢ.
    """

    train_images: Photographs
    test_images: Photographs
    scales: tuple[int, int]
    lighting: float
    components: Tensor

    def training_views(self, batch: int, seed: int, steps: int, shard: slice = slice(None)) -> Decoded:
        return Decoded(TrainingViews(self.train_images, self.scales, batch, seed, shard), steps)

    def shifts(self, batch: int, seed: int, step: int) -> Tensor:
        """What is added to a step's normalised images: float32 [B, 3], on the CPU."""
        return draw_lighting(batch, self.lighting, self.components, seed, step) / self.scale


class Decoded:
    """`views(step)` are a step's images, uint8 [B, 3, H, W] on the CPU, in pinned memory if a GPU will have
    them. Those of the next steps are decoded meanwhile; any other step may be asked for, too."""

    def __init__(self, views: TrainingViews, steps: int) -> None:
        self.views, self.steps, self.next = views, steps, -1
        self.answers: Generator[Tensor] | None = None

    def __call__(self, step: int) -> Tensor:
        if step != self.next or self.answers is None:
            self.close()
            images = self.views.photographs
            self.answers = ahead(self.views, range(step, self.steps), images.workers, images.device)
        self.next = step + 1
        return next(self.answers)

    def close(self) -> None:
        """End the processes that decode; whoever asks again begins anew."""
        if self.answers is not None:
            self.answers.close()
        self.next = -1
