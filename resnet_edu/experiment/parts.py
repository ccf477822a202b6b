"""The parts of a net: shortcuts, norms, units. Variants of one part differ by their `kind`."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from resnet_edu.experiment.spec import Spec, setting

_BIAS = "the gate's bias at the start; the lower, the more the shortcut carries"


@dataclasses.dataclass(frozen=True)
class NoShortcut(Spec):
    """A plain net: y = F(x)."""

    kind: ClassVar[str] = "none"


@dataclasses.dataclass(frozen=True)
class PadShortcut(Spec):
    """Option A (He 2015 §3.3): identity; where sizes change, strided and padded with zero channels."""

    kind: ClassVar[str] = "A"


@dataclasses.dataclass(frozen=True)
class ProjectionShortcut(Spec):
    """Option B (He 2015 §3.3): identity; a 1×1 convolution where sizes change."""

    kind: ClassVar[str] = "B"


@dataclasses.dataclass(frozen=True)
class ProjectionEverywhere(Spec):
    """Option C (He 2015 §3.3): a 1×1 convolution around every unit."""

    kind: ClassVar[str] = "C"


@dataclasses.dataclass(frozen=True)
class ScaledShortcut(Spec):
    """y = αx + βF(x) (He 2016 Fig. 2b and §3.1); option A where sizes change. A skip dial, in short."""

    kind: ClassVar[str] = "scaled"
    alpha: float = setting(0.5, low=-10.0, high=10.0, help="α, the factor of the shortcut")
    branch: float = setting(1.0, low=-10.0, high=10.0, help="β, the factor of the branch")


@dataclasses.dataclass(frozen=True)
class ExclusiveGate(Spec):
    """y = (1 − g(x))x + g(x)F(x), with a 1×1 gate (He 2016 Fig. 2c)."""

    kind: ClassVar[str] = "gate"
    bias: float = setting(-6.0, low=-100.0, high=100.0, help=_BIAS)


@dataclasses.dataclass(frozen=True)
class ShortcutGate(Spec):
    """y = (1 − g(x))x + F(x), with a 1×1 gate (He 2016 Fig. 2d)."""

    kind: ClassVar[str] = "shortcut-gate"
    bias: float = setting(-6.0, low=-100.0, high=100.0, help=_BIAS)


@dataclasses.dataclass(frozen=True)
class ConvShortcut(Spec):
    """y = Wx + F(x), a bare 1×1 convolution around every unit (He 2016 Fig. 2e); C has a norm behind it."""

    kind: ClassVar[str] = "conv"


@dataclasses.dataclass(frozen=True)
class DropoutShortcut(Spec):
    """y = dropout(x) + F(x) (He 2016 Fig. 2f); option A where sizes change."""

    kind: ClassVar[str] = "dropout"
    drop: float = setting(0.5, low=0.0, high=0.99, help="share of the shortcut's values that a step drops")


@dataclasses.dataclass(frozen=True)
class Highway(Spec):
    """y = T(x)H(x) + (1 − T(x))x (Srivastava 2015 eq. 3): H ends in a ReLU, and T is a layer like H's."""

    kind: ClassVar[str] = "highway"
    bias: float = setting(-3.0, low=-100.0, high=100.0, help=_BIAS)


Shortcut = (
    PadShortcut
    | ProjectionShortcut
    | ProjectionEverywhere
    | ScaledShortcut
    | ExclusiveGate
    | ShortcutGate
    | ConvShortcut
    | DropoutShortcut
    | Highway
    | NoShortcut
)


@dataclasses.dataclass(frozen=True)
class BatchNorm(Spec):
    """Ioffe & Szegedy 2015: every channel over the batch."""

    kind: ClassVar[str] = "batch"


@dataclasses.dataclass(frozen=True)
class GroupNorm(Spec):
    """Wu & He 2018: groups of channels, within one image."""

    kind: ClassVar[str] = "group"
    groups: int = setting(8, low=1, high=1024, help="groups of channels; must divide the width")


@dataclasses.dataclass(frozen=True)
class LayerNorm(Spec):
    """Ba 2016: all channels (and pixels) of one image; a scale and a shift per channel."""

    kind: ClassVar[str] = "layer"


@dataclasses.dataclass(frozen=True)
class NoNorm(Spec):
    """No normalisation; the layers get a bias instead."""

    kind: ClassVar[str] = "none"


Norm = BatchNorm | GroupNorm | LayerNorm | NoNorm


@dataclasses.dataclass(frozen=True)
class Basic(Spec):
    """A branch of 3×3 layers: two in He 2015 Fig. 5 left, one in He 2016 Table 3, any number here.

    `nested` puts a skip around each half of the branch too, and around each half of that, down to
    single layers.
    """

    kind: ClassVar[str] = "basic"
    layers: int = setting(2, low=1, high=8, help="layers of a branch")
    nested: bool = setting(False, help="skips inside the branch as well")
    expansion: ClassVar[int] = 1

    @property
    def depth(self) -> int:
        return self.layers


@dataclasses.dataclass(frozen=True)
class Bottleneck(Spec):
    """1×1, 3×3, 1×1; the unit's output is four times as wide as its inside (He 2015 Fig. 5, right)."""

    kind: ClassVar[str] = "bottleneck"
    stride: str = setting(
        "1x1", choices=("1x1", "3x3"), help="which convolution halves: the paper's first, or the middle one"
    )
    expansion: ClassVar[int] = 4
    depth: ClassVar[int] = 3
    nested: ClassVar[bool] = False


Unit = Basic | Bottleneck
