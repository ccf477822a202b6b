"""Weights of torchvision's nets, fetched by a process of their own once a visitor has asked for it.

Nothing else waits for a download. Several visitors who ask for the same weights wait for the same process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

MEGABYTES = {"resnet-18": 45, "resnet-34": 83, "resnet-50": 98, "resnet-101": 171, "resnet-152": 230}
"""What each net's file takes, as torchvision says."""
FILES = {
    "resnet-18": "resnet18-f37072fd.pth",
    "resnet-34": "resnet34-b627a593.pth",
    "resnet-50": "resnet50-0676ba61.pth",
    "resnet-101": "resnet101-63fe2227.pth",
    "resnet-152": "resnet152-394f9c45.pth",
}
"""How torchvision calls it. The desk cannot ask: importing torchvision takes seconds."""
COMMAND = (sys.executable, "-m", "resnet_edu.workers.download")
_lock = threading.Lock()
_begun: dict[str, subprocess.Popen[str]] = {}
_said: dict[str, str] = {}


def present(net: str) -> bool:
    """True if the weights are in torch.hub's folder."""
    cache = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    return Path(cache, "hub", "checkpoints", FILES[net]).expanduser().exists()


def start(net: str) -> None:
    """Fetch the weights of 'resnet-50' and its like, unless they are being fetched."""
    with _lock:
        if not _running(net):
            _said.pop(net, None)
            _begun[net] = subprocess.Popen(
                [*COMMAND, net], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
            )


def running(net: str) -> bool:
    """True while a process fetches them."""
    with _lock:
        return _running(net)


def error(net: str) -> str:
    """Why the last attempt failed, as a sentence; "" without one."""
    with _lock:
        process = _begun.get(net)
        if process is None or process.poll() in (None, 0):
            return ""
        if process.stdout is not None and not process.stdout.closed:
            with process.stdout as pipe:
                _said[net] = pipe.read().strip()
        return _said.get(net) or "the process that fetched the weights died"


def _running(net: str) -> bool:
    return net in _begun and _begun[net].poll() is None
