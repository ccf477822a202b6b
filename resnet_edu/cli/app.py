"""`resnet-edu app`: serve the app on this machine, or to a class."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from resnet_edu.cli.common import Commands, add_shelf
from resnet_edu.jobs import Limits
from resnet_edu.runs import RunError

PLACES = (Path(__file__).parents[2] / "app", Path(sysconfig.get_path("data"), "share", "resnet-edu", "app"))
"""Beside the package, in a checkout; or where a wheel puts it."""
LIMITS = {
    "minutes": ("RESNET_EDU_MAX_MINUTES", Limits.minutes, "minutes of training that one visitor may order"),
    "memory": (
        "RESNET_EDU_MAX_MEMORY",
        Limits.gigabytes,
        "GB of memory that each of their trainings may need",
    ),
    "trainings": (
        "RESNET_EDU_MAX_TRAININGS",
        Limits.trainings,
        "trainings that one visitor may have waiting",
    ),
}
"""What an owner limits: the environment variable, its default, and help."""


def add(commands: Commands) -> None:
    app = commands.add_parser("app", help="serve the app; only this machine can reach it, unless you say so")
    app.add_argument(
        "--address", default="localhost", help="0.0.0.0 serves a whole class (default: localhost)"
    )
    app.add_argument("--port", type=int, default=8501, help="default: 8501")
    app.add_argument("--no-browser", action="store_true", help="do not open a browser")
    for what, (variable, default, text) in LIMITS.items():
        usual = f"default: {variable}, else {default:g}; inf: no limit"
        app.add_argument(f"--max-{what}", metavar="N", help=f"{text} ({usual})")
    add_shelf(app)
    app.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if find_spec("streamlit") is None:
        raise RunError("the app needs Streamlit; get it with: pip install 'resnet-edu[app]'")
    for what, (variable, *_) in LIMITS.items():
        if (text := getattr(options, f"max_{what}")) is not None:
            os.environ[variable] = text
    Limits.of_owner()  # raises here what every page would say
    if options.shelf is not None:
        os.environ["RESNET_EDU_RUNS"] = str(options.shelf.resolve())
    words = command(options)
    if os.name == "posix":
        os.execv(words[0], words)  # signals to this command reach the server
    return subprocess.call(words)


def command(options: argparse.Namespace) -> list[str]:
    """Streamlit's command line. What keeps the server private is said in full, whatever Streamlit's own
    configuration says."""
    found = [path / "main.py" for path in PLACES if (path / "main.py").exists()]
    if not found:
        raise RunError(f"the app is not in {' or '.join(map(str, PLACES))}; run it from a checkout")
    flags = {
        "server.address": options.address,
        "server.port": options.port,
        "server.headless": str(options.no_browser).lower(),
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
    }
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "streamlit", "run", str(found[0]), *words]
