"""A learning rate that falls when the loss does not any more: what has to be remembered for that."""

from __future__ import annotations

import math
import sys
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
        self.count, self.best, self.total, self.seen = 0, math.inf, 0.0, 0

    def next(self, done: int) -> int:
        """After how many steps, counted from the first of all, the window ends in which `done` lies."""
        return done - done % self.window + self.window if self.window else sys.maxsize

    def see(self, losses: Sequence[float]) -> None:
        """The losses of the next steps, which end with a window or before it does."""
        if not isinstance(self.schedule, Plateau) or not self.window:
            return
        for loss in losses:  # one by one, so that no bit depends on how they come
            self.total += loss
        self.seen += len(losses)
        if self.seen < self.window:
            return
        mean = self.total / self.seen
        if mean > (1 - self.schedule.gain) * self.best and self.count < self.schedule.falls:
            self.count += 1
        self.best, self.total, self.seen = min(self.best, mean), 0.0, 0

    def state(self) -> dict[str, Tensor]:
        """What resuming needs."""
        told = (self.count, self.best, self.total, self.seen)
        return {STATE: torch.tensor(told, dtype=torch.float64)} if self.window else {}

    def load(self, state: Mapping[str, Tensor]) -> None:
        if self.window:
            count, self.best, self.total, seen = state[STATE].tolist()
            self.count, self.seen = int(count), int(seen)
