"""What is inside a net, from its spec alone: parts, layers, shapes, costs, receptive fields, equations.

    >>> graph(Cifar(depth=1202))["parameters"]
    19421274

No torch: any depth takes milliseconds. The tests compare every number with the net that `nets` builds.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from resnet_edu.anatomy.equations import unit_equation, unrolled
from resnet_edu.anatomy.names import full_label, part_label
from resnet_edu.anatomy.plan import Layer, UnitPlan, last_activation, plan
from resnet_edu.anatomy.rows import Row, activation_rows, shape_of, unit_rows, weighted_row, word
from resnet_edu.experiment.names import name_of
from resnet_edu.experiment.net import Dense, Net

__all__ = ["USUAL", "Part", "Row", "full_label", "graph", "part_label", "parts", "stages"]

USUAL = {"cifar": (3, 32, 10), "dense": (3, 32, 10), "imagenet": (3, 224, 1000)}
"""Channels, side and classes of the images that each family was designed for."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A stem, unit, pooling or head.

    - `name`: of its module, such as "stages.0.1"; `part_label` makes it readable.
    - `kind`: "stem", "unit", "pool" or "head".
    - `shape`: of its output for one image.
    - `field`: its receptive field, as the side of a square in pixels; None for the whole image. Norms'
      statistics do not count.
    - `rows`: its layers, in forward order.
    - `equation`: in the letters of He 2016.
    - `shortcut`: what its shortcut is, in words; "" without one.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    field: int | None
    rows: tuple[Row, ...]
    equation: str
    shortcut: str = ""

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self.rows)


def parts(
    net: Net, *, channels: int | None = None, side: int | None = None, classes: int | None = None
) -> list[Part]:
    """Every part in forward order, named as in `ResNet.forward_intermediates`.

    Sizes left out are the family's usual ones.

    Raises `SpecError` for sizes that the net does not take.
    """
    usual = USUAL[net.kind]
    channels, side, classes = (
        given if given is not None else default
        for given, default in zip((channels, side, classes), usual, strict=True)
    )
    planned = plan(net, channels=channels, side=side, classes=classes)
    at = _Place(net, side)
    found = [at.stem(planned.stem, planned.pools)]
    for i, stage in enumerate(planned.stages):
        found += [at.unit(each, f"stages.{i}.{j}") for j, each in enumerate(stage)]
    closing = tuple(
        activation_rows(net, "pool.activation", last_activation(net.arrangement), found[-1].shape)
    )
    pooled = (planned.features,)
    mean = () if isinstance(net, Dense) else (Row("pool", "mean", "mean over all pixels", pooled),)
    found.append(
        Part("pooled", "pool", pooled, None, closing + mean, "y = mean of x over pixels" if mean else "y = x")
    )
    products, text = planned.features * classes, f"linear, {planned.features} → {classes}"
    head = Row("head", "linear", text, (classes,), products + classes, products)
    found.append(Part("head", "head", (classes,), None, (head,), "logits = Wx + b"))
    return found


def graph(net: Net, **sizes: int | None) -> dict[str, Any]:
    """The net as plain data, ready for JSON: parts are nodes, and edges lead from one to the next.

    An edge of kind "skip" leads around the node `over`, from the node before it to its addition.
    `sizes` as for `parts`.
    """
    found = parts(net, **sizes)
    pairs = list(itertools.pairwise(found))
    edges = [{"kind": "flow", "from": a.name, "to": b.name} for a, b in pairs]
    edges += [
        {"kind": "skip", "from": a.name, "to": b.name, "over": b.name, "shortcut": b.shortcut}
        for a, b in pairs
        if b.shortcut
    ]
    return {
        "label": name_of(net),
        "plain": net.plain,
        "depth": net.depth,
        "parameters": sum(part.parameters for part in found),
        "macs": sum(part.macs for part in found),
        "equation": unrolled(net, units=sum(part.kind == "unit" for part in found)),
        "nodes": [_node(part) for part in found],
        "edges": edges,
    }


def stages(net: Net, **sizes: int | None) -> list[dict[str, Any]]:
    """One row for the stem, each stage, and the head. `sizes` as for `parts`.

    - `stage`: "stem", "stage 1" … or "head".
    - `units`: how many; 0 in stem and head.
    - `layers`: weighted layers, as papers count them.
    - `shape`: of the output, such as "16 × 32 × 32".
    - `parameters`, `macs`: counts, for one image.
    - `field`: the receptive field; see `Part`.
    """
    groups: dict[str, list[Part]] = {}
    for part in parts(net, **sizes):
        name = f"stage {int(part.name.split('.')[1]) + 1}" if part.kind == "unit" else part.name
        groups.setdefault("head" if name == "pooled" else name, []).append(part)
    return [
        {
            "stage": name,
            "units": sum(part.kind == "unit" for part in group),
            "layers": sum(_counted(row) for part in group for row in part.rows),
            "shape": " × ".join(map(str, group[-1].shape)),
            "parameters": sum(part.parameters for part in group),
            "macs": sum(part.macs for part in group),
            "field": group[-1].field,
        }
        for name, group in groups.items()
    ]


def _node(part: Part) -> dict[str, Any]:
    rows = [{**dataclasses.asdict(row), "shape": list(row.shape)} for row in part.rows]
    return {
        "id": part.name,
        "kind": part.kind,
        "stage": int(part.name.split(".")[1]) if part.kind == "unit" else None,
        "shape": list(part.shape),
        "receptive_field": part.field,
        "parameters": part.parameters,
        "macs": part.macs,
        "equation": part.equation,
        "shortcut": part.shortcut,
        "layers": rows,
    }


def _counted(row: Row) -> bool:
    """True if papers count it as a layer: not projections and gates."""
    return row.kind in ("conv", "linear") and not (".shortcut." in row.name or ".gate." in row.name)


class _Place:
    """The state of the walk through a net: side of the feature map, receptive field and its step."""

    def __init__(self, net: Net, side: int) -> None:
        self.net, self.side = net, side
        self.field, self.jump = 1, 1

    def see(self, kernel: int, stride: int) -> None:
        self.field += (kernel - 1) * self.jump
        self.jump *= stride
        self.side = -(-self.side // stride)

    def stem(self, layer: Layer, pools: bool) -> Part:
        net = self.net
        self.see(layer.kernel, layer.stride)
        rows = [weighted_row(net, f"stem.{word(net)}", layer, self.side)]
        rows += activation_rows(net, "stem", ("norm", "relu"), rows[-1].shape, alone="stem.relu")
        if pools:
            self.see(3, 2)
            shape = (layer.size_out, self.side, self.side)
            rows.append(Row("stem.pool", "pool", "3×3 maximum, stride 2", shape))
        return self._part("stem", "stem", layer.size_out, tuple(rows), "x₀ = stem(image)")

    def unit(self, unit: UnitPlan, name: str) -> Part:
        rows = tuple(unit_rows(self.net, unit, name, self.side))
        for layer in unit.layers:
            self.see(layer.kernel, layer.stride)
        equation, shortcut = unit_equation(self.net, unit)
        return self._part(name, "unit", unit.size_out, rows, equation, shortcut)

    def _part(self, name: str, kind: str, size: int, rows: tuple[Row, ...], *texts: str) -> Part:
        field = None if isinstance(self.net, Dense) else self.field
        return Part(name, kind, shape_of(self.net, size, self.side), field, rows, *texts)
