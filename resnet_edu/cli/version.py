"""`resnet-edu --version --verbose`: what a bug report needs: versions, device, folders."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from resnet_edu import __version__, host
from resnet_edu.data.files import data_root
from resnet_edu.jobs import machine
from resnet_edu.runs import default_shelf

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "pandas",
    "plotly",
    "streamlit",
    "captum",
    "distributed",
    "jupyterlab",
)


def report() -> str:
    """One fact a line. Imports no torch: versions are those of the installed packages, and NVIDIA's driver
    tells which GPUs there are."""
    rows = {"resnet-edu": __version__, "commit": host.commit() or "an installed package"}
    rows |= {"python": platform.python_version(), "system": platform.platform()}
    rows |= {name: _installed(name) for name in PACKAGES}
    rows |= {"device": _device(), "shelf": str(default_shelf()), "data": str(data_root())}
    rows["cache"] = str(host.cache_folder())
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def _installed(name: str) -> str:
    try:
        return installed(name)
    except PackageNotFoundError:
        return "not installed"


def _device() -> str:
    cpu = f"cpu, {host.cores()} cores"
    gpus = ", ".join(f"cuda:{i} {memory / 2**30:.0f} GiB" for i, memory in enumerate(machine.gpus()))
    apple = "mps" if (platform.system(), platform.machine()) == ("Darwin", "arm64") else ""
    return "; ".join(filter(None, (gpus, apple, cpu)))
