"""What recording every layer's gradient, weight and update norm costs, one CPU thread, as a share of
the time that the steps themselves take. Step and recording are timed in turn within one run; medians.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import torch

from resnet_edu import data, training
from resnet_edu.budgets import at
from resnet_edu.experiment import Cifar, Digits, Experiment, Recipe
from resnet_edu.measure import layer_norms
from resnet_edu.training import Recording
from resnet_edu.training.loop import Trainer

TITLE = "Cost of recording"
TIMED = 40
CASES = {
    "digits, resnet-56, width 8, batch 64": at("minute", "resnet-56"),
    "digits, plain-20, width 8, batch 64": at("minute", "plain-20"),
    "32×32, resnet-20, width 16, batch 128": Experiment(Cifar(20), Digits(side=32), Recipe(steps=1500)),
}


def table() -> str:
    rows = [
        "| training | ms a step | ms a recording | default schedule | every step |",
        "|---|---|---|---|---|",
    ]
    for name, experiment in CASES.items():
        step, record = _seconds(experiment)
        steps = experiment.recipe.steps
        share = len(Recording().norm_steps(steps)) / steps
        shares = f"{record * share / step:.2%} | {record / step:.2%}"
        rows.append(f"| {name} | {1000 * step:.1f} | {1000 * record:.2f} | {shares} |")
    return "\n".join(rows)


def _seconds(experiment: Experiment) -> tuple[float, float]:
    """Median seconds of a step and of recording it."""
    images = data.load(experiment.data)
    short = replace(experiment, recipe=replace(experiment.recipe, steps=min(experiment.recipe.steps, 900)))
    how = training.choose(
        short, channels=images.channels, side=images.side, classes=images.classes, device="cpu"
    )
    trainer = Trainer(experiment, images, how, Recording())
    weights = [weight for _, weight in trainer.layers]
    steps, records = [], []
    for _ in range(TIMED):
        started = time.perf_counter()
        _, loss = trainer.step_forward([])
        trainer.step_backward(loss)
        trainer.done += 1
        between = time.perf_counter()
        layer_norms(weights, trainer.optimizer)
        records.append(time.perf_counter() - between)
        steps.append(between - started)
    return statistics.median(steps), statistics.median(records)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table())
