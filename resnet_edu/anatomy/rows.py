"""The layers of a unit, one row each, under the names that their modules have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from resnet_edu.anatomy.plan import Layer, UnitPlan, arrange, ends_in_norm
from resnet_edu.experiment.net import Dense, Net
from resnet_edu.experiment.parts import (
    ConvShortcut,
    ExclusiveGate,
    Highway,
    NoNorm,
    ProjectionEverywhere,
    ProjectionShortcut,
    ShortcutGate,
)

NORM_NAMES = {"batch": "batch norm", "group": "group norm", "layer": "layer norm"}


@dataclasses.dataclass(frozen=True)
class Row:
    """One layer: `name` is its module's, `shape` that of its output for one image, `macs` multiply-adds."""

    name: str
    kind: str
    text: str
    shape: tuple[int, ...]
    parameters: int = 0
    macs: int = 0


def unit_rows(net: Net, unit: UnitPlan, name: str, side: int, *, closes: bool = True) -> Iterator[Row]:
    """A unit's layers; `closes` is false for the second of a nested pair, whose end the outer unit has."""
    words = arrange(net.arrangement, len(unit.layers), unit.opening)
    inner, out = -(-side // unit.stride), shape_of(net, unit.size_out, -(-side // unit.stride))
    yield from activation_rows(net, f"{name}.before", words.before, shape_of(net, unit.size_in, side))
    if unit.nested:
        first, second = unit.halves()
        yield from unit_rows(net, first, f"{name}.branch.first", side)
        yield from unit_rows(net, second, f"{name}.branch.second", -(-side // first.stride), closes=False)
    else:
        yield from _branch_rows(net, unit, f"{name}.branch", words.branch, side)
    if not net.plain:
        yield from _shortcut_rows(net, unit, name, inner)
        yield Row(f"{name}.add", "add", "addition", out)
    if closes:
        yield from activation_rows(net, f"{name}.after", words.after, out)


def _branch_rows(net: Net, unit: UnitPlan, place: str, words: tuple[str, ...], side: int) -> Iterator[Row]:
    shape = shape_of(net, unit.size_in, side)
    for each in words:
        layer = unit.layers[int(each[-1]) - 1]
        if each.startswith("conv"):
            side = -(-side // layer.stride)
            row = weighted_row(net, f"{place}.{each.replace('conv', word(net))}", layer, side)
            shape = row.shape
            yield row
        elif each.startswith("relu"):
            yield Row(f"{place}.{each}", "relu", "ReLU", shape)
        elif not isinstance(net.norm, NoNorm):
            yield _norm_row(net, f"{place}.{each}", shape)


def _shortcut_rows(net: Net, unit: UnitPlan, name: str, side: int) -> Iterator[Row]:
    """What the shortcut or its gate has to learn."""
    one = Layer(unit.size_in, unit.size_out, 1, unit.stride)
    match net.shortcut:
        case ProjectionEverywhere():
            yield from _projection(net, f"{name}.shortcut", one, side)
        case ProjectionShortcut() if not unit.same_size:
            yield from _projection(net, f"{name}.shortcut", one, side)
        case ConvShortcut():
            yield weighted_row(net, f"{name}.shortcut.{word(net)}", one, side)
        case ShortcutGate():
            yield weighted_row(net, f"{name}.shortcut.gate.layer", one, side, bias=True)
        case ExclusiveGate():
            yield weighted_row(net, f"{name}.gate.layer", one, side, bias=True)
        case Highway():
            yield weighted_row(net, f"{name}.gate.layer", one._replace(kernel=3), side, bias=True)


def _projection(net: Net, place: str, layer: Layer, side: int) -> Iterator[Row]:
    yield weighted_row(net, f"{place}.{word(net)}", layer, side)
    if ends_in_norm(net.arrangement) and not isinstance(net.norm, NoNorm):
        yield _norm_row(net, f"{place}.norm", shape_of(net, layer.size_out, side))


def activation_rows(
    net: Net, place: str, words: tuple[str, ...], shape: tuple[int, ...], alone: str = ""
) -> Iterator[Row]:
    """Norm and ReLU before or after a unit; a ReLU by itself goes by the place's own name."""
    if "norm" in words and not isinstance(net.norm, NoNorm):
        yield _norm_row(net, f"{place}.norm", shape)
        alone = f"{place}.relu"
    if "relu" in words:
        yield Row(alone or place, "relu", "ReLU", shape)


def weighted_row(net: Net, name: str, layer: Layer, side: int, *, bias: bool | None = None) -> Row:
    """A convolution or linear layer whose output has this side."""
    size_in, size_out, kernel, stride = layer
    extra = size_out if (isinstance(net.norm, NoNorm) if bias is None else bias) else 0
    if isinstance(net, Dense):
        products = size_in * size_out
        return Row(name, "linear", f"linear, {size_in} → {size_out}", (size_out,), products + extra, products)
    products = kernel**2 * size_in * size_out
    text = f"{kernel}×{kernel} convolution, {size_in} → {size_out}" + (f", stride {stride}" * (stride > 1))
    return Row(name, "conv", text, (size_out, side, side), products + extra, products * side**2)


def _norm_row(net: Net, name: str, shape: tuple[int, ...]) -> Row:
    return Row(name, "norm", NORM_NAMES[net.norm.kind], shape, 2 * shape[0])


def shape_of(net: Net, size: int, side: int) -> tuple[int, ...]:
    return (size,) if isinstance(net, Dense) else (size, side, side)


def word(net: Net) -> str:
    return "linear" if isinstance(net, Dense) else "conv"
