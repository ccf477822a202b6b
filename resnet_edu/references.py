"""Numbers that papers report, each with its citation: theirs, never ours, and labelled so.

>>> print(reported("resnet-110"))
6.43 % (best of 5 runs; 6.61 ± 0.16) test error, reported by He et al. 2015, Table 6
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Paper:
    short: str
    full: str


HE_2015 = Paper(
    "He et al. 2015",
    "K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385",
)


@dataclasses.dataclass(frozen=True)
class Reported:
    """A test error in % that a paper reports: of one run, or the best of `runs` with `mean` ± `sd`.

    `parameters` is printed as the paper prints it, rounded; exact counts are counted from our nets.
    """

    net: str
    depth: int
    error: float
    parameters: str
    place: str
    above: bool = False  # the paper gives a lower bound only
    mean: float | None = None
    sd: float | None = None
    runs: int = 1
    data: str = "cifar10"
    paper: Paper = HE_2015

    @property
    def citation(self) -> str:
        return f"{self.paper.full}, {self.place}"

    def __str__(self) -> str:
        error = f"above {self.error:g} %" if self.above else f"{self.error:.2f} %"
        if self.mean is not None:
            error += f" (best of {self.runs} runs; {self.mean:.2f} ± {self.sd:.2f})"
        return f"{error} test error, reported by {self.paper.short}, {self.place}"


HE_2015_CIFAR10 = (
    Reported("resnet-20", 20, 8.75, "0.27M", "Table 6"),
    Reported("resnet-32", 32, 7.51, "0.46M", "Table 6"),
    Reported("resnet-44", 44, 7.17, "0.66M", "Table 6"),
    Reported("resnet-56", 56, 6.97, "0.85M", "Table 6"),
    Reported("resnet-110", 110, 6.43, "1.7M", "Table 6", mean=6.61, sd=0.16, runs=5),
    Reported("resnet-1202", 1202, 7.93, "19.4M", "Table 6"),
    Reported("plain-110", 110, 60.0, "", "Fig. 6", above=True),
)
"""CIFAR-10 with augmentation. The other plain nets are drawn in Fig. 6, without numbers."""


PAPER_STEPS = 64_000
"""How long He 2015 §4.2 trains every net of `HE_2015_CIFAR10`, in mini-batches of 128."""


@dataclasses.dataclass(frozen=True)
class Reproduced:
    """The range of a net's test errors in %, over public reproductions of He 2015 §4.2: theirs, not ours."""

    net: str
    low: float
    high: float
    steps: int = PAPER_STEPS

    def __str__(self) -> str:
        return f"{self.low:g}–{self.high:g} % test error, the range of public reproductions, not ours"


REPRODUCTIONS = (Reproduced("plain-20", 9.5, 10.1), Reproduced("plain-56", 12.8, 15.4))
"""The range of public reproductions of He 2015 §4.2, neither ours nor the paper's. The paper draws these nets
in Fig. 6 without numbers, so a reader has no other number to compare with."""


def reproduced(net: str) -> Reproduced | None:
    """What public reproductions give for 'plain-56' on CIFAR-10; None where none is noted."""
    return next((row for row in REPRODUCTIONS if row.net == net), None)


def reported(net: str, data: str = "cifar10") -> Reported | None:
    """What He et al. 2015 report of 'resnet-56' on 'cifar10'; None where they give no number."""
    return next((row for row in HE_2015_CIFAR10 if (row.net, row.data) == (net, data)), None)
