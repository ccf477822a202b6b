"""Weights of torchvision's nets, fetched by a process of their own once a visitor has asked for it.

Nothing else waits for a download. Several visitors who ask for the same weights wait for the same process.
"""

from __future__ import annotations

import subprocess
import sys
import threading

MEGABYTES = {18: 45, 34: 83, 50: 98, 101: 171, 152: 230}
"""What each depth's file takes, as torchvision says."""
COMMAND = (sys.executable, "-m", "resnet_edu.workers.download")
_lock = threading.Lock()
_begun: dict[str, subprocess.Popen[str]] = {}
_said: dict[str, str] = {}


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
