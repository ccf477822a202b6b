"""Did the winning nets become deeper with fewer parameters?

Question   From one winner of the ImageNet challenge to the next, did depth rise and did parameters fall?
Source     Géron, Hands-On Machine Learning, ch. 14: "the general trend: models are getting deeper and deeper,
           with fewer and fewer parameters".
Arms       None: parameters are counted from the papers' tables of layers, biases included: AlexNet
           (Krizhevsky 2012, two groups), GoogLeNet (Szegedy 2015 Table 1, without auxiliary classifiers) and
           ResNet-152 (He 2015 Table 1), the winners of 2012, 2014 and 2015. VGG-16 and VGG-19 (Simonyan
           2015), second in 2014, and ResNet-34 … 101 are beside them.
Command    resnet-edu study winners
Cost       Nothing is trained.

Decision rule, fixed before any count
    exact          from each winner to the next, depth rises and parameters fall
    depends        depth rises each time, and parameters fall at some steps only
    contradicted   depth does not rise each time, or parameters never fall

Caveats    2013's winner (Clarifai) has no published table of layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pandas as pd

from resnet_edu import anatomy
from resnet_edu.experiment import Experiment, Imagenet
from resnet_edu.studies.effects import Effect
from resnet_edu.studies.study import Measured, Study, Verdict

Layer = tuple[int, int, int]  # values in, values out, weights for each pair
ALEXNET: list[Layer] = [
    *((3, 96, 121), (48, 256, 25), (256, 384, 9), (192, 384, 9), (192, 256, 9)),
    *((9216, 4096, 1), (4096, 4096, 1), (4096, 1000, 1)),
]
INCEPTION = (
    (192, 64, 96, 128, 16, 32, 32),
    (256, 128, 128, 192, 32, 96, 64),
    (480, 192, 96, 208, 16, 48, 64),
    (512, 160, 112, 224, 24, 64, 64),
    (512, 128, 128, 256, 24, 64, 64),
    (512, 112, 144, 288, 32, 64, 64),
    (528, 256, 160, 320, 32, 128, 128),
    (832, 256, 160, 320, 32, 128, 128),
    (832, 384, 192, 384, 48, 128, 128),
)
"""Szegedy 2015 Table 1: channels in; of 1×1; of 3×3 reduced and 3×3; of 5×5 reduced and 5×5; of pooling."""


def googlenet() -> list[Layer]:
    layers: list[Layer] = [(3, 64, 49), (64, 64, 1), (64, 192, 9)]
    for x, one, three_in, three, five_in, five, pool in INCEPTION:
        layers += [
            (x, one, 1),
            (x, three_in, 1),
            (three_in, three, 9),
            (x, five_in, 1),
            (five_in, five, 25),
            (x, pool, 1),
        ]
    return [*layers, (1024, 1000, 1)]


def vgg(repeats: Sequence[int]) -> list[Layer]:
    """`repeats`: 3×3 layers in each of the five stages."""
    widths = [width for width, n in zip((64, 128, 256, 512, 512), repeats, strict=True) for _ in range(n)]
    convolutions: list[Layer] = [(x, y, 9) for x, y in itertools.pairwise([3, *widths])]
    return [*convolutions, (25088, 4096, 1), (4096, 4096, 1), (4096, 1000, 1)]


def arms(budget: str, seeds: Sequence[int] = ()) -> list[Experiment]:
    return []


def measure(runs: Iterable[Measured] = ()) -> pd.DataFrame:
    """One row a net: `net`, `year`, whether it `won`, its `depth` in weighted layers and its `parameters`.
    `runs` is not read."""
    rows = [
        ("AlexNet", 2012, True, 8, _count(ALEXNET)),
        ("VGG-16", 2014, False, 16, _count(vgg((2, 2, 3, 3, 3)))),
        ("VGG-19", 2014, False, 19, _count(vgg((2, 2, 4, 4, 4)))),
        ("GoogLeNet", 2014, True, 22, _count(googlenet())),
        *((f"ResNet-{depth}", 2015, depth == 152, depth, _resnet(depth)) for depth in (34, 50, 101, 152)),
    ]
    return pd.DataFrame(rows, columns=["net", "year", "won", "depth", "parameters"])


def _count(layers: Iterable[Layer]) -> int:
    return sum(y * (x * weights + 1) for x, y, weights in layers)


def _resnet(depth: int) -> int:
    return sum(part.parameters for part in anatomy.parts(Imagenet(depth=depth)))


def verdict(measured: pd.DataFrame) -> Verdict:
    winners = measured[measured["won"]].sort_values("year")
    steps = list(itertools.pairwise(winners.itertuples()))
    deeper = all(after.depth > before.depth for before, after in steps)
    fewer = [after.parameters < before.parameters for before, after in steps]
    word = "contradicted"
    if deeper and any(fewer):
        word = "exact" if all(fewer) else "depends"
    row = ", ".join(
        f"{net.net} ({net.year}) {net.depth} layers and {net.parameters:,} parameters"
        for net in winners.itertuples()
    )
    rising = [f"from {a.net} to {b.net}" for (a, b), fell in zip(steps, fewer, strict=True) if not fell]
    said = f" Parameters rise {' and '.join(rising)}." if rising else ""
    count = float(sum(fewer))
    label, most = f"steps of {len(steps)} at which parameters fall", len(steps) + 1
    effect = Effect(label, "", len(steps), count, count, count, len(steps), most, word)
    return Verdict(word, f"The winners: {row}.{said}", {}, (effect,))


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    return measured


STUDY = Study(
    name="winners",
    title="Did the winning nets become deeper with fewer parameters?",
    claim="Winning nets became deeper and deeper with fewer parameters.",
    source="Géron, Hands-On Machine Learning, ch. 14",
    arms=arms,
    measure=measure,
    summary=summary,
    verdict=verdict,
    budgets=("minute",),
    seeds=(),
)
