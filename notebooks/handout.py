"""Lessons to hand out, without solutions, answers and outputs: `python notebooks/handout.py FOLDER`.

The helpers that the lessons import are copied beside them.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import jupytext
import nbformat

HERE = Path(__file__).parent
HELPERS = ("lesson.py", "predict.py", "predict.js", "guess_figures.py")
GIVEN_AWAY = re.compile(r"<details><summary>(?:Solution|Answers?)</summary>.*?</details>\n*", re.DOTALL)


def hand_out(folder: Path) -> list[Path]:
    """Write a notebook for each lesson into the folder, which is made; give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in HELPERS:
        shutil.copy(HERE / name, folder)
    written = []
    for source in sorted(HERE.glob("[0-9][0-9]_*.py")):
        notebook = jupytext.read(source)
        notebook.metadata.pop("jupytext", None)  # no source to keep in step with
        for number, cell in enumerate(notebook.cells):
            cell.id = f"cell-{number:02d}"
            if cell.cell_type == "markdown":
                cell.source = GIVEN_AWAY.sub("", cell.source).strip()
        notebook.cells = [cell for cell in notebook.cells if cell.source]
        written.append(folder / f"{source.stem}.ipynb")
        nbformat.write(notebook, written[-1])
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python notebooks/handout.py FOLDER")
    for path in hand_out(Path(sys.argv[1])):
        print(path)
