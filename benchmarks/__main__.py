"""Runs benchmarks and writes benchmarks/RESULTS.md; what was not run anew keeps its section there.

python -m benchmarks              all of them
python -m benchmarks endtoend gpu only these
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path

import torch

from benchmarks.common import machine

PARTS = {
    "choices": "How a training is computed",
    "endtoend": "End to end against the usual loop",
    "together": "Several trainings at once",
    "depth": "Cost against depth",
    "recording": "Cost of recording",
    "precision": "Half precision and errors",
    "photographs": "Photographs: data and net apart",
    "imports": "Import times",
    "flow": "The gradient-flow picture: frames a second, and its questions",
    "gpu": "On a GPU",
}
RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Measured

Made by `make bench`, or `python -m benchmarks NAME` for one section; ratios hold within one run.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PARTS))
    names = parser.parse_args().names or PARTS
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"NAME is {unknown[0]!r}; allowed: {', '.join(PARTS)}")
    for name in names:
        part = importlib.import_module(f"benchmarks.{name}")
        torch.set_num_threads(1)
        started = time.perf_counter()
        body = part.table()
        took = f"*On {machine()}; `python -m benchmarks {name}` took {time.perf_counter() - started:.0f} s.*"
        section = f"## {PARTS[name]}\n\n{part.__doc__.strip()}\n\n{took}\n\n{body}\n"
        print(section, flush=True)
        RESULTS.write_text(with_section(RESULTS.read_text("utf-8"), PARTS[name], section), encoding="utf-8")


def with_section(text: str, title: str, section: str) -> str:
    """The text with this section in the place of its former one, in the order of `PARTS`."""
    sections = {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in text.split("\n## ")[1:]}
    sections[title] = section
    return "\n".join([HEAD, *(sections[title] for title in PARTS.values() if title in sections)])


if __name__ == "__main__":
    main()
