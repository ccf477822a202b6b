"""A moment of a training run: which update comes next, with which learning rate, on which images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from resnet_edu.data import (
    DataSet,
    StreamedSet,
    apply_augmentation,
    batch_indices,
    draw_augmentation,
    normalise,
)
from resnet_edu.experiment import Experiment, Plateau
from resnet_edu.experiment.fresh import FRESH, fresh_experiment
from resnet_edu.randomness import generator_for
from resnet_edu.runs import Run


@dataclass(frozen=True)
class Moment:
    """A training after `step` of its updates; `lr` is the learning rate of the next one."""

    experiment: Experiment
    step: int
    lr: float

    @property
    def ended(self) -> bool:
        """True after the last update that the recipe has; the next one was never made."""
        return self.step >= self.experiment.recipe.steps


def moment_of(source: Run | str, step: int | None) -> Moment:
    """`step` as `source_of` returns it.

    Raises `ValueError` for a net whose training is not known.
    """
    if isinstance(source, Run):
        assert step is not None, "a run's nets have steps"
        return Moment(source.experiment, step, _lr(source, step))
    if source.startswith(FRESH):
        experiment = fresh_experiment(source)
        return Moment(experiment, 0, experiment.recipe.lr_at(0))
    raise ValueError(f"{source} was not trained here: its batches and learning rate are not known")


def _lr(run: Run, step: int) -> float:
    """The learning rate of the recipe. On a plateau schedule, which depends on the losses, the recorded one
    (to six digits, since tables are float32). After the last step it stays the same."""
    recipe, recorded = run.experiment.recipe, run.steps()
    recorded = recorded[recorded["step"] <= step]
    if isinstance(recipe.schedule, Plateau) and len(recorded):
        return float(f"{recorded['lr'].iloc[-1]:.6g}")
    return recipe.lr_at(min(step, recipe.steps - 1))


def training_batch(experiment: Experiment, data: DataSet, step: int) -> tuple[Tensor, Tensor]:
    """The batch of update number `step`, from 0: inputs float32 [B, C, H, W], normalised and augmented, and
    labels int64 [B]. Image order and augmentation depend on the seed and the step alone."""
    recipe, seed = experiment.recipe, experiment.seed
    chosen = batch_indices(step, recipe.batch, len(data.train_labels), seed)
    if isinstance(data, StreamedSet):
        return _streamed(data, recipe.batch, seed, step), data.train_labels[chosen]
    inputs = normalise(data.train_images[chosen], data)
    if recipe.augment:
        draws = draw_augmentation(recipe.batch, generator_for(seed, "augment", step))
        inputs = apply_augmentation(inputs, *draws)
    return inputs, data.train_labels[chosen]


def _streamed(data: StreamedSet, batch: int, seed: int, step: int) -> Tensor:
    views = data.training_batches(batch, seed, step + 1)
    try:
        images = views(step)
    finally:
        views.close()
    return normalise(images, data) + data.shifts(batch, seed, step)[:, :, None, None]
