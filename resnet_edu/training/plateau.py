"""A learning rate that falls when the loss does not any more: what has to be remembered for that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from resnet_edu.experiment import Plateau, Recipe

STATE = "plateau"


class Falls:
    """How often the learning rate has fallen so far. Told each loss once and in order, it decides after
    every window of steps (see `Plateau`). On any other schedule it remembers nothing."""

    def __init__(self, recipe: Recipe) -> None:
        self.schedule = recipe.schedule
        share = recipe.schedule.window if isinstance(recipe.schedule, Plateau) else 0.0
        self.window = max(1, round(share * recipe.steps)) if share else 0
        self.falls, self.best, self.total, self.count = 0, math.inf, 0.0, 0

    def due(self, done: int) -> bool:
        """Whether a window ends after so many steps: the next one may have another learning rate."""
        return bool(self.window) and done % self.window == 0

    def see(self, losses: Sequence[float]) -> None:
        """The losses of the next steps, which end with a window or before it does."""
        if not isinstance(self.schedule, Plateau) or not self.window:
            return
        for loss in losses:  # one by one, so that no bit depends on how they come
            self.total += loss
        self.count += len(losses)
        if self.count < self.window:
            return
        mean = self.total / self.count
        if mean > (1 - self.schedule.gain) * self.best and self.falls < self.schedule.falls:
            self.falls += 1
        self.best, self.total, self.count = min(self.best, mean), 0.0, 0

    def state(self) -> dict[str, Tensor]:
        """What resuming needs."""
        told = (self.falls, self.best, self.total, self.count)
        return {STATE: torch.tensor(told, dtype=torch.float64)} if self.window else {}

    def load(self, state: Mapping[str, Tensor]) -> None:
        if self.window:
            falls, self.best, self.total, count = state[STATE].tolist()
            self.falls, self.count = int(falls), int(count)
