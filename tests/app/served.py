"""What tests in a real browser ask of the app that a server serves."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

WAIT = 60_000  # ms; cores may be shared
CHART = ".js-plotly-plot .main-svg"


def responds(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:
            return reply.status == 200
    except OSError:
        return False


def wait_until(true: Callable[[], object], what: str, seconds: float = WAIT / 1000) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except TimeoutError:
            pass
        time.sleep(0.2)
    pytest.fail(f"after {seconds:.0f} s it does not hold that {what}")


def parameters(page: Any) -> dict[str, str]:
    return page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
