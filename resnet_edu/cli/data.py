"""`resnet-edu data`: which data sets are here, and getting one."""

from __future__ import annotations

import argparse
import dataclasses

import pandas as pd

from resnet_edu.cli.common import Commands, add_data_dir, print_table
from resnet_edu.cli.terminal import console


def add(commands: Commands) -> None:
    data = commands.add_parser("data", help="which data sets are here; `data get cifar10` downloads one")
    data.add_argument("verb", nargs="?", default="status", choices=("status", "get"))
    data.add_argument("set", nargs="?", choices=("cifar10", "fashion-mnist"), help="which to get")
    add_data_dir(data)
    data.set_defaults(run=_run, parser=data)


def errors() -> type[Exception]:
    """What a missing or damaged data set raises."""
    from resnet_edu.experiment.folder import DataMissing

    return DataMissing


def _run(options: argparse.Namespace) -> int:
    from resnet_edu import data

    if options.verb == "get":
        if options.set is None:
            options.parser.error("which one? cifar10 or fashion-mnist")
        data.download(options.set, options.data_dir)
    rows = pd.DataFrame([dataclasses.asdict(row) for row in data.status(options.data_dir)])
    print_table(rows)
    console.print("imagefolder:DIR takes any folder DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg.")
    return 0
