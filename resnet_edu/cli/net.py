"""`resnet-edu net resnet-56`: a net's shapes, parameters and costs, by stage or by layer."""

from __future__ import annotations

import argparse
import json

import pandas as pd

from resnet_edu import anatomy
from resnet_edu.cli.common import Commands, print_table
from resnet_edu.cli.terminal import console, heading, writes_unicode
from resnet_edu.experiment import Experiment, Net
from resnet_edu.experiment.names import PAPER_NETS, name_of
from resnet_edu.experiment.spec import SpecError

COUNTED = ("alexnet", "googlenet", "vgg-16", "vgg-19")
EPILOG = f"""NAME is plain-N, resnet-N (18, 34, 50, 101, 152: the ImageNet nets), cifar-, dense- or
imagenet- before it, words such as -B, -pre, -bottleneck, -x4 behind it; {", ".join(PAPER_NETS)};
or {", ".join(COUNTED)}: torchvision's, whose parameters and costs are counted."""


def add(commands: Commands) -> None:
    net = commands.add_parser("net", help="what is inside a net: shapes, parameters, costs", epilog=EPILOG)
    net.add_argument("name", metavar="NAME", help="such as resnet-56 or plain-34")
    net.add_argument("--width", type=int, metavar="N", help="channels of the first stage")
    for size, text in (
        ("channels", "of an image"),
        ("side", "of an image, in pixels"),
        ("classes", "to tell"),
    ):
        net.add_argument(f"--{size}", type=int, metavar="N", help=f"{text} (default: the family's usual)")
    net.add_argument("--layers", action="store_true", help="every layer instead of every stage")
    net.add_argument("--json", action="store_true", help="the whole graph as JSON")
    net.set_defaults(run=_net)


def _net(options: argparse.Namespace) -> int:
    sizes = {name: getattr(options, name) for name in ("channels", "side", "classes")}
    if options.name in COUNTED:
        return _counted(options.name, sizes)
    net = _named(options)
    if options.json:
        print(json.dumps(anatomy.graph(net, **sizes), ensure_ascii=not writes_unicode()))
        return 0
    graph = anatomy.graph(net, **sizes)
    heading(name_of(net), f"  {net.depth} layers")
    print_table(_layers(net, sizes) if options.layers else _stages(net, sizes))
    console.print(f"\n{graph['parameters']:,} parameters, {graph['macs']:,} multiply-adds an image\n")
    console.print(graph["equation"])
    return 0


def _named(options: argparse.Namespace) -> Net:
    if "-" not in options.name:
        raise SpecError(f"net is {options.name!r}; such as resnet-56, plain-34 or {', '.join(COUNTED)}")
    width = {} if options.width is None else {"net.width": str(options.width)}
    return Experiment.from_query({"net": options.name} | width).net


def _stages(net: Net, sizes: dict[str, int | None]) -> pd.DataFrame:
    rows = anatomy.stages(net, **sizes)
    return pd.DataFrame(
        {
            "stage": row["stage"],
            "units": row["units"] or "",
            "layers": row["layers"],
            "output": row["shape"],
            "parameters": f"{row['parameters']:,}",
            "multiply-adds": f"{row['macs']:,}",
            "sees": "all" if row["field"] is None else f"{row['field']} px",
        }
        for row in rows
    )


def _layers(net: Net, sizes: dict[str, int | None]) -> pd.DataFrame:
    rows = [row for part in anatomy.parts(net, **sizes) for row in part.rows]
    return pd.DataFrame(
        {
            "layer": row.name,
            "what": row.text,
            "output": " × ".join(map(str, row.shape)),
            "parameters": f"{row.parameters:,}",
            "multiply-adds": f"{row.macs:,}",
        }
        for row in rows
    )


def _counted(name: str, sizes: dict[str, int | None]) -> int:
    from resnet_edu.nets import reference

    side, classes = sizes["side"] or 224, sizes["classes"] or 1000
    parameters, macs = reference.counts(name, side=side, classes=classes)
    heading(name, f"  torchvision's, 3 × {side} × {side} → {classes}")
    console.print(f"{parameters:,} parameters, {macs:,} multiply-adds an image")
    return 0
