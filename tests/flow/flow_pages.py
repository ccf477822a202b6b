"""What tests ask of a page that shows the picture."""

from __future__ import annotations

import json
import time
from typing import Any

WAIT = 30_000  # ms; cores may be shared
HOST = """<!doctype html><meta charset="utf-8"><style>{css}</style><body style="margin:0;color:#111">
<div id="place"></div><script type="module">{js}
globalThis.mount = mount;</script>"""


def state_of(page: Any) -> dict[str, Any]:
    return page.evaluate("(globalThis.flow ?? picture).state")


def values_of(page: Any, net: int, block: str) -> list[float | None]:
    """What the drawing says of a block, read back from the page."""
    unit = page.locator(f"svg.net >> nth={net}").locator(f"[data-block='{block}']")
    return json.loads(unit.get_attribute("data-values"))


def until(page: Any, true: str) -> None:
    """Waits until a JavaScript expression holds; the file's policy forbids Playwright's own way."""
    end = time.monotonic() + WAIT / 1000
    while not page.evaluate(true):
        assert time.monotonic() < end, f"it never holds that {true}"
        time.sleep(0.02)
