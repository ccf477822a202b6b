"""Which steps are recorded and evaluated: densely at the start, log-spaced later."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_edu.experiment.spec import SpecError

PER_DECADE = 30
DENSE = 10
EVALUATED = (512, 5_000)


@dataclass(frozen=True)
class Recording:
    """What to record. It changes no number of the training, so it is not part of the experiment.

    every_step   record layer norms at every step
    checkpoints  how many times to keep the weights, 1 … 1000; other values raise `SpecError`
    """

    every_step: bool = False
    checkpoints: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.checkpoints <= 1000:
            raise SpecError(f"checkpoints is {self.checkpoints}; allowed: 1 … 1000")

    def norm_steps(self, steps: int) -> frozenset[int]:
        """Steps whose layer norms are recorded: the first ten, then about 30 per decade, and the last."""
        if self.every_step:
            return frozenset(range(steps))
        return frozenset({*range(min(DENSE, steps)), *_log_spaced(DENSE, steps, PER_DECADE), steps - 1})

    def weight_steps(self, steps: int) -> frozenset[int]:
        """Numbers of steps after which weights are kept: `checkpoints` log-spaced ones, the last included."""
        if self.checkpoints <= 1:
            return frozenset({steps})
        first = max(1.0, steps / 1000)
        ratio = (steps / first) ** (1 / (self.checkpoints - 1))
        return frozenset({round(first * ratio**i) for i in range(self.checkpoints - 1)} | {steps})


def evaluation_steps(steps: int) -> frozenset[int]:
    """Numbers of steps after which the net is evaluated: 0, an early one, 4 to 40 evenly spaced, the last."""
    parts = min(40, max(4, steps // 1000))
    even = {round(steps * part / parts) for part in range(parts + 1)}
    return frozenset(even | {round(steps / parts / 4)})


def evaluated_images(available: int, *, last: bool) -> int:
    """How many images to evaluate: all in the last evaluation, else the first tenth, within 512 … 5,000."""
    low, high = EVALUATED
    return available if last else min(available, max(low, min(high, available // 10)))


def _log_spaced(first: int, end: int, per_decade: int) -> list[int]:
    spaced, position = [], float(first)
    while position < end:
        spaced.append(int(position))
        position *= 10 ** (1 / per_decade)
    return spaced
