"""Takes the README's picture from the running app: `python tools/picture.py` (needs Chromium)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "app.png"
SIZE = {"width": 1600, "height": 1420}


def main() -> None:
    with tempfile.TemporaryDirectory() as shelf, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        options = ["--server.headless=true", f"--server.port={port}"]
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app/main.py", *options],
            cwd=ROOT,
            env=os.environ | {"RESNET_EDU_RUNS": shelf},
        )
        try:
            _take(f"http://localhost:{port}")
        finally:
            server.terminate()
            server.wait()


def _take(address: str) -> None:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        for _ in range(60):
            try:
                page.goto(address)
                break
            except Exception:
                time.sleep(0.5)
        page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000)
        page.wait_for_timeout(3_000)
        TARGET.parent.mkdir(exist_ok=True)
        page.screenshot(path=TARGET)
        browser.close()


if __name__ == "__main__":
    main()
