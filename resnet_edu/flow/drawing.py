"""Which blocks and layers are drawn: the net's anatomy, matched with the names of the measured layers."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_edu.anatomy import USUAL, Row, parts
from resnet_edu.experiment import Data, Net
from resnet_edu.flow.contract import BlockData, LayerData

SIDES = {"digits": 8, "cifar10": 32, "fashion-mnist": 28}


def drawn_blocks(net: Net, data: Data, names: Sequence[str]) -> tuple[list[BlockData], list[LayerData]]:
    """Stem, units and head with the layers that were measured in each, and these layers.

    `names` are the measured layers' in forward order. Raises `ValueError` for one that the net has not.
    """
    side = getattr(data, "side", 0) or SIDES.get(data.kind, USUAL[net.kind][1])
    found = [part for part in parts(net, side=side) if part.kind != "pool"]
    rows: dict[str, Row] = {row.name: row for part in found for row in part.rows}
    if unknown := [name for name in names if name not in rows]:
        raise ValueError(f"its net has no layer {unknown[0]!r}")
    layers: list[LayerData] = [
        {"name": name, "text": rows[name].text, "shape": list(rows[name].shape)} for name in names
    ]
    inside = {row.name: part.name for part in found for row in part.rows}
    drawn: list[BlockData] = [
        {
            "name": part.name,
            "kind": part.kind if part.kind in ("stem", "head") else "unit",  # type: ignore[typeddict-item]
            "stage": int(part.name.split(".")[1]) if part.kind == "unit" else None,
            "shape": list(part.shape),
            "equation": part.equation,
            "shortcut": part.shortcut,
            "layers": [i for i, name in enumerate(names) if inside[name] == part.name],
        }
        for part in found
    ]
    return drawn, layers
