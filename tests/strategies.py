"""What hypothesis draws: nets of every family that the rules allow."""

from __future__ import annotations

from hypothesis import strategies as st

from resnet_edu.experiment import Cifar, Dense, Imagenet, NoShortcut, PadShortcut
from resnet_edu.experiment.net import IMAGENET_DEPTHS, INITS, ORDERS
from resnet_edu.experiment.parts import (
    Basic,
    BatchNorm,
    Bottleneck,
    ConvShortcut,
    DropoutShortcut,
    ExclusiveGate,
    GroupNorm,
    Highway,
    LayerNorm,
    NoNorm,
    ProjectionEverywhere,
    ProjectionShortcut,
    ScaledShortcut,
    ShortcutGate,
)

biases = st.floats(-10, 2).map(lambda bias: round(bias, 3))
shortcuts = st.one_of(
    st.sampled_from(
        [NoShortcut(), PadShortcut(), ProjectionShortcut(), ProjectionEverywhere(), ConvShortcut()]
    ),
    st.builds(ScaledShortcut, alpha=biases, branch=biases),
    st.builds(DropoutShortcut, drop=st.floats(0, 0.9)),
    *(st.builds(gate, bias=biases) for gate in (ExclusiveGate, ShortcutGate, Highway)),
)
units = st.builds(Basic, layers=st.integers(1, 8), nested=st.booleans()) | st.builds(
    Bottleneck, stride=st.sampled_from(["1x1", "3x3"])
)
norms = st.sampled_from([BatchNorm(), GroupNorm(2), LayerNorm(), NoNorm()])


@st.composite
def any_net(draw, deepest=3):
    """A net of any family that the rules allow."""
    kind = draw(st.sampled_from([Cifar, Dense, Imagenet]))
    shortcut = draw(shortcuts)
    settings = {
        "shortcut": shortcut,
        "order": "original" if isinstance(shortcut, Highway) else draw(st.sampled_from(ORDERS)),
        "norm": draw(norms),
        "init": draw(st.sampled_from(INITS)),
        "survival": 1.0 if isinstance(shortcut, NoShortcut) else draw(st.sampled_from([1.0, 0.5])),
        "width": draw(st.sampled_from([2, 4, 6])),
    }
    if settings["width"] == 2 and isinstance(settings["norm"], GroupNorm):
        settings["norm"] = LayerNorm()
    ends_in_relu = isinstance(shortcut, Highway) or settings["order"] == "relu-before-addition"
    settings["zero_last"] = not ends_in_relu and draw(st.booleans())
    if kind is Imagenet:
        return kind(depth=draw(st.sampled_from(IMAGENET_DEPTHS)), **settings)
    unit = draw(units)
    settings |= {"unit": unit, "zero_last": settings["zero_last"] and not unit.nested}
    if kind is Cifar:
        settings["widen"] = draw(st.sampled_from([1, 2, 3]))
    stages = 3 if kind is Cifar else 1
    shallowest = 2 if unit.depth == 1 else 1
    count = draw(st.integers(shallowest, max(shallowest, deepest)))
    return kind(depth=2 + stages * unit.depth * count, **settings)
