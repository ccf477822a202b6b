"""The computer that this runs on: its cores, its cache folder, and the commit of the source."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cache_folder() -> Path:
    """`RESNET_EDU_CACHE`, else the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("RESNET_EDU_CACHE") or user_cache_path("resnet-edu"))


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
