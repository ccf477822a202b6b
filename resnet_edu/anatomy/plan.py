"""Which layers of which sizes a net has, before anything is built: shared by `nets` and `anatomy`.

A plan is sizes and names only. No torch here.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from resnet_edu.experiment.net import Cifar, Dense, Imagenet, Net
from resnet_edu.experiment.parts import Bottleneck, Unit
from resnet_edu.experiment.spec import SpecError

SMALLEST_SIDE = {"cifar": 8, "dense": 1, "imagenet": 32}
IMAGENET_UNITS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Units of each stage (He 2015 Table 1)."""

INSIDE, BEFORE, GIVEN = "inside", "before", "given"
"""Where a pre-activation unit's first norm and ReLU stand: in its branch; before the split, so that
branch and shortcut share them, where the size changes; or nowhere, for the stem has them (He 2016 §5)."""


class Layer(NamedTuple):
    """One weighted layer: channels (or features) in and out, side of the kernel, stride."""

    size_in: int
    size_out: int
    kernel: int = 3
    stride: int = 1


class UnitPlan(NamedTuple):
    """One unit: its layers in order, and for pre-activation the place of the first activation."""

    layers: tuple[Layer, ...]
    nested: bool = False
    opening: str = INSIDE
    survival: float = 1.0

    @property
    def size_in(self) -> int:
        return self.layers[0].size_in

    @property
    def size_out(self) -> int:
        return self.layers[-1].size_out

    @property
    def stride(self) -> int:
        return max(layer.stride for layer in self.layers)

    @property
    def same_size(self) -> bool:
        return self.size_in == self.size_out and self.stride == 1

    def halves(self) -> tuple[UnitPlan, UnitPlan]:
        """The two units inside a nested one."""
        middle = (len(self.layers) + 1) // 2
        first, second = self.layers[:middle], self.layers[middle:]
        opening = INSIDE if self.opening == INSIDE else GIVEN
        return UnitPlan(first, len(first) > 1, opening), UnitPlan(second, len(second) > 1)


class NetPlan(NamedTuple):
    """A stem's layer (and whether it pools), stages of units, and the features that the head reads."""

    stem: Layer
    pools: bool
    stages: tuple[tuple[UnitPlan, ...], ...]
    features: int


def plan(net: Net, *, channels: int, side: int, classes: int) -> NetPlan:
    """The plan of a net for images of `channels` × `side` × `side`.

    Raises `SpecError` for a size without pixels, channels or classes, and for images that are
    smaller than the family halves them.
    """
    smallest = SMALLEST_SIDE[net.kind]
    if side < smallest:
        article = "an" if net.kind == "imagenet" else "a"
        takes = f"takes images of {smallest} pixels a side or more"
        raise SpecError(f"side is {side}; {article} {net.kind} net {takes}")
    for name, size in {"channels": channels, "classes": classes}.items():
        if size < 1:
            raise SpecError(f"{name} is {size}; allowed: 1 …")
    match net:
        case Cifar():
            stem, counts = Layer(channels, net.width, 3), _evenly(net, stages=3)
            widths = [net.widen * net.width * 2**i for i in range(3)]
        case Dense():
            stem, counts = Layer(channels * side * side, net.width, 1), _evenly(net, stages=1)
            widths = [net.width]
        case Imagenet():
            stem, counts = Layer(channels, net.width, 7, stride=2), IMAGENET_UNITS[net.depth]
            widths = [net.width * 2**i for i in range(4)]
    stages = _with_survival(_stages(net, stem.size_out, counts, widths), net.survival)
    return NetPlan(stem, isinstance(net, Imagenet), stages, stages[-1][-1].size_out)


def unit_plan(unit: Unit, size_in: int, width: int, stride: int = 1) -> UnitPlan:
    """A unit's layers. `width` is that of its inside; a bottleneck's output is four times as wide."""
    if isinstance(unit, Bottleneck):
        first, middle = (stride, 1) if unit.stride == "1x1" else (1, stride)
        reduce, convolve = Layer(size_in, width, 1, first), Layer(width, width, 3, middle)
        return UnitPlan((reduce, convolve, Layer(width, unit.expansion * width, 1)))
    rest = [Layer(width, width)] * (unit.layers - 1)
    return UnitPlan((Layer(size_in, width, 3, stride), *rest), unit.nested and unit.layers > 1)


def _evenly(net: Cifar | Dense, stages: int) -> tuple[int, ...]:
    return ((net.depth - 2) // (stages * net.unit.depth),) * stages


def _stages(
    net: Net, size: int, counts: tuple[int, ...], widths: list[int]
) -> tuple[tuple[UnitPlan, ...], ...]:
    """The size of the feature maps halves at the first unit of every stage but the first."""
    stages = []
    for i, (count, width) in enumerate(zip(counts, widths, strict=True)):
        units = []
        for j in range(count):
            unit = unit_plan(net.unit, size, width, stride=2 if i > 0 and j == 0 else 1)
            opening = GIVEN if i == j == 0 else INSIDE if unit.same_size else BEFORE
            units.append(unit._replace(opening=opening))
            size = unit.size_out
        stages.append(tuple(units))
    return tuple(stages)


def _with_survival(stages: tuple[tuple[UnitPlan, ...], ...], last: float) -> tuple[tuple[UnitPlan, ...], ...]:
    """p_l = 1 − (l / L)(1 − p_L) for the l-th of L units (Huang 2016 eq. 4)."""
    total, number = sum(len(stage) for stage in stages), itertools.count(1)
    return tuple(
        tuple(unit._replace(survival=1 - next(number) / total * (1 - last)) for unit in stage)
        for stage in stages
    )


_LAYER = {
    "original": "conv norm relu",
    "bn-after-addition": "conv norm relu",
    "relu-before-addition": "conv norm relu",
    "relu-only-preactivation": "relu conv norm",
    "full-preactivation": "norm relu conv",
}
_AFTER = {"original": "relu", "bn-after-addition": "norm relu"}


class Words(NamedTuple):
    """The order of a unit's parts, such as (), (conv1, norm1, relu1, conv2, norm2), (relu,)."""

    before: tuple[str, ...]
    branch: tuple[str, ...]
    after: tuple[str, ...]


def arrange(order: str, layers: int, opening: str = INSIDE) -> Words:
    """He 2016 Fig. 4 in words. What follows the addition is taken from the end of the last layer;
    what shortcut and branch share, from the beginning of the first."""
    words = [f"{word}{i}" for i in range(1, layers + 1) for word in _LAYER[order].split()]
    after = tuple(_AFTER.get(order, "").split())
    branch = words[: len(words) - len(after)]
    opens = branch.index("conv1")
    if opening == INSIDE or not opens:
        return Words((), tuple(branch), after)
    before = tuple(word[:-1] for word in branch[:opens]) if opening == BEFORE else ()
    return Words(before, tuple(branch[opens:]), after)


def last_activation(order: str) -> tuple[str, ...]:
    """What pre-activation nets have between their last addition and the pooling (He 2016 §5)."""
    return tuple(_LAYER[order].split("conv")[0].split())


def ends_in_norm(order: str) -> bool:
    """Whether a branch's last layer is followed by a norm before the addition; a projection has one then."""
    return "norm2" in arrange(order, 2).branch[-2:]
