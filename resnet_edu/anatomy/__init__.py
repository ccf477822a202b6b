"""What is inside a net, from its spec alone: blocks, layers, shapes, costs, receptive fields, equations.

    >>> graph(Cifar(depth=1202))["parameters"]
    19421274

No torch: any depth is answered at once. The tests hold every number against the net that `nets` builds.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from resnet_edu.anatomy.equations import unit_equation, unrolled
from resnet_edu.anatomy.plan import Layer, UnitPlan, last_activation, plan
from resnet_edu.anatomy.rows import Row, activation_rows, shape_of, unit_rows, weighted_row, word
from resnet_edu.experiment.names import name_of
from resnet_edu.experiment.net import Dense, Net

__all__ = ["USUAL", "Block", "Row", "blocks", "graph", "stages"]

USUAL = {"cifar": (3, 32, 10), "dense": (3, 32, 10), "imagenet": (3, 224, 1000)}
"""Channels, side and classes of the images that a family was made for."""


@dataclasses.dataclass(frozen=True)
class Block:
    """A stem, unit, pooling or head. `field` is the side of the square of pixels that one number of its
    output depends on, None for the whole image; norms' statistics are not counted as seeing."""

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


def blocks(
    net: Net, *, channels: int | None = None, side: int | None = None, classes: int | None = None
) -> list[Block]:
    """Every block in forward order, named as in `ResNet.forward_intermediates`.

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
        Block(
            "pooled", "pool", pooled, None, closing + mean, "y = mean of x over pixels" if mean else "y = x"
        )
    )
    products, text = planned.features * classes, f"linear, {planned.features} → {classes}"
    head = Row("head", "linear", text, (classes,), products + classes, products)
    found.append(Block("head", "head", (classes,), None, (head,), "logits = Wx + b"))
    return found


def graph(net: Net, **sizes: int | None) -> dict[str, Any]:
    """The net as plain data, ready for JSON: blocks are nodes, and edges lead from one to the next.

    An edge of kind "skip" leads around the node `over`, from the node before it to its addition.
    `sizes` as for `blocks`.
    """
    found = blocks(net, **sizes)
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
        "parameters": sum(block.parameters for block in found),
        "macs": sum(block.macs for block in found),
        "equation": unrolled(net, units=sum(block.kind == "unit" for block in found)),
        "nodes": [_node(block) for block in found],
        "edges": edges,
    }


def stages(net: Net, **sizes: int | None) -> list[dict[str, Any]]:
    """A row for stem, each stage, and head: name, units, layers, shape, parameters, macs, field."""
    groups: dict[str, list[Block]] = {}
    for block in blocks(net, **sizes):
        name = f"stage {int(block.name.split('.')[1]) + 1}" if block.kind == "unit" else block.name
        groups.setdefault("head" if name == "pooled" else name, []).append(block)
    return [
        {
            "stage": name,
            "units": sum(block.kind == "unit" for block in group),
            "layers": sum(_counted(row) for block in group for row in block.rows),
            "shape": " × ".join(map(str, group[-1].shape)),
            "parameters": sum(block.parameters for block in group),
            "macs": sum(block.macs for block in group),
            "field": group[-1].field,
        }
        for name, group in groups.items()
    ]


def _node(block: Block) -> dict[str, Any]:
    rows = [{**dataclasses.asdict(row), "shape": list(row.shape)} for row in block.rows]
    return {
        "id": block.name,
        "kind": block.kind,
        "stage": int(block.name.split(".")[1]) if block.kind == "unit" else None,
        "shape": list(block.shape),
        "receptive_field": block.field,
        "parameters": block.parameters,
        "macs": block.macs,
        "equation": block.equation,
        "shortcut": block.shortcut,
        "layers": rows,
    }


def _counted(row: Row) -> bool:
    """Whether the papers count it as a layer: projections and gates they do not."""
    return row.kind in ("conv", "linear") and not (".shortcut." in row.name or ".gate." in row.name)


class _Place:
    """Where the walk through a net has come to: side of the feature map, receptive field."""

    def __init__(self, net: Net, side: int) -> None:
        self.net, self.side = net, side
        self.field, self.jump = 1, 1

    def see(self, kernel: int, stride: int) -> None:
        self.field += (kernel - 1) * self.jump
        self.jump *= stride
        self.side = -(-self.side // stride)

    def stem(self, layer: Layer, pools: bool) -> Block:
        net = self.net
        self.see(layer.kernel, layer.stride)
        rows = [weighted_row(net, f"stem.{word(net)}", layer, self.side)]
        rows += activation_rows(net, "stem", ("norm", "relu"), rows[-1].shape, alone="stem.relu")
        if pools:
            self.see(3, 2)
            shape = (layer.size_out, self.side, self.side)
            rows.append(Row("stem.pool", "pool", "3×3 maximum, stride 2", shape))
        return self._block("stem", "stem", layer.size_out, tuple(rows), "x₀ = stem(image)")

    def unit(self, unit: UnitPlan, name: str) -> Block:
        rows = tuple(unit_rows(self.net, unit, name, self.side))
        for layer in unit.layers:
            self.see(layer.kernel, layer.stride)
        equation, shortcut = unit_equation(self.net, unit)
        return self._block(name, "unit", unit.size_out, rows, equation, shortcut)

    def _block(self, name: str, kind: str, size: int, rows: tuple[Row, ...], *texts: str) -> Block:
        field = None if isinstance(self.net, Dense) else self.field
        return Block(name, kind, shape_of(self.net, size, self.side), field, rows, *texts)
