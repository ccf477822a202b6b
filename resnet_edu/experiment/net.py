"""A net's description: family, depth, shortcut, unit and order. No torch here.

    >>> Cifar(depth=1001, unit=Bottleneck(), order="full-preactivation", shortcut=ProjectionShortcut()).depth
    1001

`names` gives every net a name, `anatomy.plan` its layers and their sizes; `nets` builds it.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Self

from resnet_edu.experiment.parts import (
    Basic,
    BatchNorm,
    Bottleneck,
    ExclusiveGate,
    GroupNorm,
    Highway,
    NoNorm,
    Norm,
    NoShortcut,
    PadShortcut,
    ProjectionShortcut,
    Shortcut,
    Unit,
)
from resnet_edu.experiment.spec import Spec, SpecError, setting

ORDERS = (
    "original",
    "bn-after-addition",
    "relu-before-addition",
    "relu-only-preactivation",
    "full-preactivation",
)
INITS = ("he", "xavier", "small-normal", "orthogonal")
IMAGENET_DEPTHS = (18, 34, 50, 101, 152)

_SHORTCUT = "none makes the net plain; A, B, C as in He 2015; others as in He 2016 Fig. 2"
_UNIT = "basic (two layers, or 1 … 8) or bottleneck"


@dataclasses.dataclass(frozen=True)
class Twin(Spec):
    """The settings of every net: depth, shortcut (which its twin lacks), norms and initial weights."""

    family: ClassVar[str] = ""
    depth: int = 0
    shortcut: Shortcut = setting(PadShortcut(), help=_SHORTCUT)
    order: str = setting("original", choices=ORDERS, help="of norm, ReLU and addition (He 2016 Fig. 4)")
    norm: Norm = setting(BatchNorm(), help="batch, group, layer or none")
    init: str = setting("he", choices=INITS, help="distribution of the initial weights")
    zero_last: bool = setting(False, help="start every branch at zero: its last norm, or else its last layer")
    survival: float = setting(
        1.0,
        low=0.0,
        high=1.0,
        help="probability that a step keeps the last branch; earlier ones are kept more often",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.plain and self.survival < 1:
            raise SpecError("survival must be 1 for a plain net: it has no shortcut to fall back on")
        if isinstance(self.shortcut, Highway) and self.order != "original":
            raise SpecError(f"order is {self.order!r}; leave it out: a highway's ReLU is inside its branch")

    @property
    def plain(self) -> bool:
        return isinstance(self.shortcut, NoShortcut)

    @property
    def arrangement(self) -> str:
        """The order that is built; a highway's H(x) ends in its own ReLU (Srivastava 2015 eq. 2)."""
        return "relu-before-addition" if isinstance(self.shortcut, Highway) else self.order

    @property
    def gated(self) -> bool:
        """True if a gate multiplies the branch too."""
        return isinstance(self.shortcut, (ExclusiveGate, Highway))

    @property
    def preactivated(self) -> bool:
        return self.order.endswith("preactivation")

    def twin(self) -> Self:
        """The same net with the shortcut taken away, or (from plain) with the family's usual one put in."""
        if self.plain:
            return dataclasses.replace(self, shortcut=type(self).shortcut)
        return dataclasses.replace(self, shortcut=NoShortcut(), survival=1.0)

    def _check_unit(self, unit: Unit, width: int) -> None:
        if self.zero_last and unit.nested:
            raise SpecError(
                "set zero_last to false: a nested branch has skips inside, so it cannot start at zero"
            )
        if self.zero_last and self.arrangement == "relu-before-addition":
            raise SpecError("set zero_last to false: a branch that ends in a ReLU would never leave zero")
        if isinstance(self.norm, (BatchNorm, NoNorm)):
            return
        groups = self.norm.groups if isinstance(self.norm, GroupNorm) else 1
        if width % groups or width // groups < 2:
            raise SpecError(f"groups is {groups}; it must divide {width} into groups of 2 or more")


@dataclasses.dataclass(frozen=True)
class Cifar(Twin):
    """The CIFAR family of He 2015 §4.2: 6n+2 layers in three stages of width k, 2k, 4k.

    Other units make other depths: 9n+2 for bottlenecks, whose outputs are four times as wide (He 2016).
    """

    kind: ClassVar[str] = "cifar"
    depth: int = setting(20, low=8, high=2000, help="weighted layers, 6n+2: 8, 14, 20, 32, 44, 56, 110 …")
    width: int = setting(16, low=1, high=1024, help="channels of the stem, or features of every dense layer")
    unit: Unit = setting(Basic(), help=_UNIT)
    widen: int = setting(1, low=1, high=64, help="units this many times as wide as the stem (Zagoruyko 2016)")

    def __post_init__(self) -> None:
        super().__post_init__()
        each = 3 * self.unit.depth
        if self.depth < each + 2 or (self.depth - 2) % each:
            raise SpecError(f"depth is {self.depth}; a CIFAR net {_sorts(self.unit, each)}")
        self._check_unit(self.unit, self.width)


@dataclasses.dataclass(frozen=True)
class Dense(Twin):
    """Fully connected twins: a stem, units of two layers of equal width, a head; 2n+2 layers."""

    kind: ClassVar[str] = "dense"
    family: ClassVar[str] = "dense-"
    depth: int = setting(20, low=4, high=1000, help="weighted layers, 2n+2: 4, 6, 8, 20, 50 …")
    width: int = setting(64, low=1, high=4096, help="features of every hidden layer")
    unit: Unit = setting(Basic(), help=_UNIT)

    def __post_init__(self) -> None:
        super().__post_init__()
        each = self.unit.depth
        if self.depth < each + 2 or (self.depth - 2) % each:
            raise SpecError(f"depth is {self.depth}; a dense net {_sorts(self.unit, each)}")
        self._check_unit(self.unit, self.width)


@dataclasses.dataclass(frozen=True)
class Imagenet(Twin):
    """The ImageNet family of He 2015 Table 1: four stages; bottleneck units from 50 layers on."""

    kind: ClassVar[str] = "imagenet"
    depth: int = setting(34, help="weighted layers: 18, 34, 50, 101 or 152")
    shortcut: Shortcut = setting(ProjectionShortcut(), help=_SHORTCUT)
    width: int = setting(64, low=1, high=1024, help="channels of the first stage")
    stride: str = setting(
        "3x3", choices=("3x3", "1x1"), help="where bottlenecks halve: torchvision's 3x3, or the paper's 1x1"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth not in IMAGENET_DEPTHS:
            allowed = ", ".join(map(str, IMAGENET_DEPTHS))
            raise SpecError(f"depth is {self.depth}; an ImageNet net has one of these: {allowed}")
        if self.stride != "3x3" and self.depth < 50:
            raise SpecError(f"stride is {self.stride!r}; only bottleneck units, from depth 50 on, have it")
        self._check_unit(self.unit, self.width)

    @property
    def unit(self) -> Unit:
        return Basic() if self.depth < 50 else Bottleneck(stride=self.stride)


def _sorts(unit: Unit, each: int) -> str:
    """The depths that such a net can have, for an error message."""
    if unit == Basic() and each == 6:
        return "has 6n+2 layers: 8, 14, 20, 32, 44, 56, 110 …"
    if unit == Basic():
        return "has 2n+2 layers, an even number"
    return f"with such units has {each}n+2 layers: {each + 2}, {2 * each + 2}, {3 * each + 2} …"


Net = Cifar | Dense | Imagenet
