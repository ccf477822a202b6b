"""From which source something was computed."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit() -> str | None:
    """The source's git commit, + where files had changed; None for an installed package."""

    def git(*words: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout

    try:
        return git("rev-parse", "HEAD")[:12] + (
            "+" if git("status", "--porcelain", "--", "*.py").strip() else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None
