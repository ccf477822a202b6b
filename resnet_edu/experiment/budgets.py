"""Named budgets: how much data, width and training an experiment gets. The net's depth and shortcut are free.

>>> at("minute", "plain-56", seed=1).recipe.steps
240
"""

from __future__ import annotations

import dataclasses

from resnet_edu.experiment import (
    Cifar10,
    Data,
    Digits,
    Experiment,
    ImageFolder,
    Jitter,
    Net,
    Plateau,
    Recipe,
    named_net,
)
from resnet_edu.experiment.spec import SpecError

WARMUP_DEPTH = 110
"""He 2015 §4.2 warms up the 110-layer net: 0.1 is slightly too large for it to start converging."""


@dataclasses.dataclass(frozen=True)
class Budget:
    """The settings that a budget fixes.

    - `name`, `help`: for the command line.
    - `width`: channels of a CIFAR net's first stage; other families keep their own.
    - `data`, `recipe`: of every experiment at this budget.
    - `net`: the default net.
    - `warmup`: steps at a tenth of lr, for nets of `WARMUP_DEPTH` layers and more.
    """

    name: str
    help: str
    width: int
    data: Data
    recipe: Recipe
    net: str = "resnet-20"
    warmup: int = 0


_ALL = (
    Budget(
        "minute",
        "Seconds a net on one laptop core: 1,500 digits of 8×8 pixels, a narrow net, 240 steps of 64 images.",
        width=8,
        data=Digits(),
        recipe=Recipe(steps=240, batch=64),
    ),
    Budget(
        "lesson",
        "About a minute for a deep net on one laptop core: the same digits, 1,000 steps of 128 images.",
        width=8,
        data=Digits(),
        recipe=Recipe(steps=1000),
    ),
    Budget(
        "lesson-cifar",
        "Minutes a net on one laptop core: 5,000 CIFAR-10 images at 16×16 pixels, 1,500 steps of 128.",
        width=16,
        data=Cifar10(train=5000, side=16),
        recipe=Recipe(steps=1500),
    ),
    Budget(
        "quarter",
        "Hours a net on one core: the recipe of He 2015 §4.2 with a quarter of the paper's steps. "
        "CIFAR-10, 16,000 steps of 128 augmented images.",
        width=16,
        data=Cifar10(),
        recipe=Recipe(steps=16_000, augment=True),
        warmup=400,
    ),
    Budget(
        "paper",
        "He 2015 §4.2 in full, for a GPU: CIFAR-10, 64,000 steps of 128 augmented images; "
        "from 110 layers on, 400 warm-up steps at a learning rate of 0.01 first.",
        width=16,
        data=Cifar10(),
        recipe=Recipe(steps=64_000, augment=True),
        warmup=400,
    ),
    Budget(
        "imagenet",
        "He 2015 §3.4 in full, for a GPU and a folder of photographs: 600,000 steps of 256 random crops of "
        "224×224 pixels, the learning rate divided by 10 when the loss stays. Smaller by --side and --steps.",
        width=16,
        data=ImageFolder(side=224, view=Jitter()),
        recipe=Recipe(steps=600_000, batch=256, schedule=Plateau()),
        net="resnet-34",
    ),
)
_BY_NAME = {budget.name: budget for budget in _ALL}

NAMES = tuple(_BY_NAME)
"""From cheapest to dearest."""

BUDGETS = tuple(budget.name for budget in _ALL if not isinstance(budget.data, ImageFolder))
"""The budgets of studies and pages: all except the one that needs an image folder."""


def get(budget: str) -> Budget:
    """The budget of this name; raises `SpecError`."""
    if budget not in _BY_NAME:
        raise SpecError(f"budget is {budget!r}; allowed: {', '.join(NAMES)}")
    return _BY_NAME[budget]


def at(budget: str, net: Net | str, seed: int = 0) -> Experiment:
    """One training at this budget; raises `SpecError`.

    `net` is a name ('plain-56', 'resnet-110-B'), which gets the budget's width, or a full description,
    which keeps its own.
    """
    given = get(budget)
    if isinstance(net, str):
        net = _named(net, given)
    warmup = given.warmup if net.depth >= WARMUP_DEPTH else 0
    return Experiment(net, given.data, dataclasses.replace(given.recipe, warmup=warmup), seed)


def _named(name: str, budget: Budget) -> Net:
    flat = named_net(name)
    if flat["net"] == "cifar":
        flat["net.width"] = str(budget.width)
    return Experiment.from_query(flat).net
