"""`resnet-edu flow RUN [TWIN] --html FILE`: where the gradient goes, as one file for any browser."""

from __future__ import annotations

import argparse

from resnet_edu.cli.common import Commands, add_shelf, path, shelf_of
from resnet_edu.cli.terminal import say


def add(commands: Commands) -> None:
    flow = commands.add_parser("flow", help="a training's gradients as one HTML file, for any browser")
    flow.add_argument("name", help="a run's name, or a part of it; recorded runs too")
    flow.add_argument("twin", nargs="?", help="the run beside it (default: its twin, if there is one)")
    flow.add_argument("--html", type=path, required=True, metavar="FILE", help="the file to write")
    add_shelf(flow)
    flow.set_defaults(run=_flow)


def _flow(options: argparse.Namespace) -> int:
    from resnet_edu.flow import find_twins, flow_of, write_page

    run, twin = find_twins(options.name, options.twin, shelf_of(options))
    written = write_page(flow_of(run, twin), options.html)
    beside = f" and {twin.name}" if twin else "; it has no twin here"
    size = written.stat().st_size / 1e6
    say(f"{run.name}{beside}", f"{written}, {size:.2f} MB: opens in any browser")
    return 0
