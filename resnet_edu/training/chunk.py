"""The records that a training hands out: rows of steps and evaluations, a chunk of steps, a checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from torch import Tensor

from resnet_edu.training.diagnosis import Divergence


@dataclasses.dataclass(frozen=True, slots=True)
class StepRow:
    """One step.

    step     number, from 0
    loss     mean cross-entropy of its batch, in nats, before the update
    lr       learning rate
    seconds  training time until its end, evaluations not included
    """

    step: int
    loss: float
    lr: float
    seconds: float

    def to_dict(self) -> dict[str, float]:
        """Column names and values, as recorded."""
        return {"step": self.step, "loss": self.loss, "lr": self.lr, "seconds": self.seconds}


@dataclasses.dataclass(frozen=True)
class EvalRow:
    """One evaluation. Errors are wrongly classified images in %, losses mean cross-entropies in nats.

    step                 steps done before it
    images               training images that were evaluated
    train_error          on training images, with running statistics
    train_error_batch    on training images, with batch statistics
    train_loss           on training images, with running statistics
    test_error           on test images, with running statistics
    test_loss            on test images, with running statistics
    test_error_10_crops  at the end of a training on photographs: mean softmax over ten crops; else None
    """

    step: int
    images: int
    train_error: float
    train_error_batch: float
    train_loss: float
    test_error: float
    test_loss: float
    test_error_10_crops: float | None = None

    def to_dict(self) -> dict[str, float]:
        """Column names and values, as recorded; without the ten crops where they were not evaluated."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


@dataclasses.dataclass(frozen=True)
class UnitRow:
    """Gradients at every unit's output, at one evaluation; lists in forward order.

    step         steps done before it
    names        units' module names
    gradient     L2 norms of d(mean loss) / d(output)
    correlation  cosines (−1 … 1) with the gradients at nearby inputs
    """

    step: int
    names: list[str]
    gradient: list[float]
    correlation: list[float]

    def to_dict(self) -> dict[str, int | list[str] | list[float]]:
        """Column names and values, as recorded."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What a training needs to go on: `state` from `StepChunk.state_dict`, after `step` steps that took
    `seconds`."""

    state: Mapping[str, Tensor]
    step: int
    seconds: float


@dataclasses.dataclass
class StepChunk:
    """Some consecutive steps.

    step         steps done after it
    seconds      training time until then, evaluations not included
    steps        a row per step
    norms        float32 [recorded steps, 1 + 3 · layers]: the step, then every layer's gradient, weight and
                 update norms; None if no step was recorded
    evals        the evaluation after the last step, if one was due
    units        its gradients by unit
    weights_due  the weights after the last step are to be kept
    diverged     why the training broke at the last step, if it did
    resolved     values for how.json that are known only after trying: whether it is compiled and captured
    state_dict   copies what resuming needs; call it before the next chunk
    """

    step: int
    seconds: float
    steps: list[StepRow] = dataclasses.field(default_factory=list)
    norms: Tensor | None = None
    evals: list[EvalRow] = dataclasses.field(default_factory=list)
    units: list[UnitRow] = dataclasses.field(default_factory=list)
    weights_due: bool = False
    diverged: Divergence | None = None
    resolved: dict[str, bool | str] = dataclasses.field(default_factory=dict)
    state_dict: Callable[[], dict[str, Tensor]] = dict
