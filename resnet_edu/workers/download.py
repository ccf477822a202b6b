"""The process behind `jobs.downloads`: `python -m resnet_edu.workers.download resnet-50`."""

from __future__ import annotations

import socket
import sys

from resnet_edu.nets import weights

TIMEOUT = 20.0  # seconds without a byte from the server


def main(net: str) -> int:
    """Fetch the weights, and see that they fit; on an error print it as a sentence, and return 1."""
    socket.setdefaulttimeout(TIMEOUT)
    try:
        weights.official(net)
    except (ValueError, OSError) as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
