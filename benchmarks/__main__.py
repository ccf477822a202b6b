"""Runs every benchmark and writes benchmarks/RESULTS.md with the machine it ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from benchmarks import imports, recording

PARTS = (recording, imports)


def main() -> None:
    torch.set_num_threads(1)
    sections = [f"## {part.TITLE}\n\n{part.__doc__.strip()}\n\n{part.table()}\n" for part in PARTS]
    text = (
        f"# Measured\n\nOn {_machine()}. Made by `make bench`; ratios hold within one run.\n\n"
        + "\n".join(sections)
    )
    target = Path(__file__).parent / "RESULTS.md"
    target.write_text(text, encoding="utf-8")
    print(text)


def _machine() -> str:
    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, {versions}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
