"""A learning rate that decays when the loss stops falling: the state that this needs."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from resnet_edu.experiment import Plateau, Recipe

STATE = "plateau"


class PlateauState:
    """`decays`: how often the learning rate has decayed so far.

    `observe` gets each loss once, in order, and decides after every window of steps (see `Plateau`). With
    another schedule it stores nothing.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.schedule = recipe.schedule
        share = recipe.schedule.window if isinstance(recipe.schedule, Plateau) else 0.0
        self.window = max(1, round(share * recipe.steps)) if share else 0
        self.decays, self.best, self.total, self.seen = 0, math.inf, 0.0, 0

    def window_end(self, done: int) -> int:
        """The number of steps after which the window of step `done` ends."""
        return done - done % self.window + self.window if self.window else sys.maxsize

    def observe(self, losses: Sequence[float]) -> None:
        """Add the losses of the next steps, which must not reach beyond the end of a window."""
        if not isinstance(self.schedule, Plateau) or not self.window:
            return
        for loss in losses:  # one by one, so that the chunks' lengths change no bit
            self.total += loss
        self.seen += len(losses)
        if self.seen < self.window:
            return
        mean = self.total / self.seen
        if mean > (1 - self.schedule.gain) * self.best and self.decays < self.schedule.falls:
            self.decays += 1
        self.best, self.total, self.seen = min(self.best, mean), 0.0, 0

    def state_dict(self) -> dict[str, Tensor]:
        """What resuming needs: float64 [4], or nothing with another schedule."""
        values = (self.decays, self.best, self.total, self.seen)
        return {STATE: torch.tensor(values, dtype=torch.float64)} if self.window else {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state_dict`."""
        if self.window:
            decays, self.best, self.total, seen = state[STATE].tolist()
            self.decays, self.seen = int(decays), int(seen)
