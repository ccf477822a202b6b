"""Which blocks and layers are drawn: the net's anatomy, matched with the names of the measured layers."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_edu.anatomy import USUAL, Row, blocks
from resnet_edu.experiment import Data, Net
from resnet_edu.flow.contract import BlockData, LayerData

SIDES = {"digits": 8, "cifar10": 32, "fashion-mnist": 28}


def drawn_blocks(net: Net, data: Data, names: Sequence[str]) -> tuple[list[BlockData], list[LayerData]]:
    """Stem, units and head with the layers that were measured in each, and these layers.

    `names` are the measured layers' in forward order. Raises `ValueError` for one that the net has not.
    """
    side = getattr(data, "side", 0) or SIDES.get(data.kind, USUAL[net.kind][1])
    found = [block for block in blocks(net, side=side) if block.kind != "pool"]
    rows: dict[str, Row] = {row.name: row for block in found for row in block.rows}
    if unknown := [name for name in names if name not in rows]:
        raise ValueError(f"its net has no layer {unknown[0]!r}")
    layers: list[LayerData] = [
        {"name": name, "text": rows[name].text, "shape": list(rows[name].shape)} for name in names
    ]
    inside = {row.name: block.name for block in found for row in block.rows}
    drawn: list[BlockData] = [
        {
            "name": block.name,
            "kind": block.kind if block.kind in ("stem", "head") else "unit",  # type: ignore[typeddict-item]
            "stage": int(block.name.split(".")[1]) if block.kind == "unit" else None,
            "shape": list(block.shape),
            "equation": block.equation,
            "shortcut": block.shortcut,
            "layers": [i for i, name in enumerate(names) if inside[name] == block.name],
        }
        for block in found
    ]
    return drawn, layers
