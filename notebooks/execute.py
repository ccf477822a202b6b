"""Run lessons from their sources and save the executed copies, with pictures: `python notebooks/execute.py`.

A lesson is written in NN_name.py (jupytext's py:percent). NN_name.ipynb is what it gave when it was run:
every chart stands in it twice, drawn by Plotly where a page can, and as a picture for all others.
Outputs that answer a prediction are folded. Pictures need kaleido and Chrome or Chromium.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
import plotly.io
from lesson import PLOTLY, WIDGET
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).parent
CELL_SECONDS = 900
ANSWER = "answer"  # the tag of cells whose output answers a prediction
WIDTH = 860  # pixels: JupyterLab shows a saved picture in its own size


def main(names: list[str]) -> None:
    sources = [HERE / name for name in names] or sorted(HERE.glob("[0-9][0-9]_*.py"))
    for source in sources:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as shelf:
            notebook = executed(source, shelf)
        fold_answers(notebook)
        leave_out_widgets(notebook)
        add_pictures(notebook)
        nbformat.write(notebook, source.with_suffix(".ipynb"))
        print(f"{source.with_suffix('.ipynb')}: {source.with_suffix('.ipynb').stat().st_size / 1e6:.2f} MB")


def executed(source: Path, shelf: str | Path, *, afterwards: str = "") -> NotebookNode:
    """The lesson, run from its source; `shelf` takes the runs that it trains.

    `afterwards` is code that sees what the lesson's cells have left, and is no part of the lesson.
    Raises `CellExecutionError` where a cell fails.
    """
    notebook = jupytext.read(source)
    lesson = len(notebook.cells)
    notebook.cells.append(nbformat.v4.new_code_cell(afterwards))
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"  # the same at every execution
    place = {"metadata": {"path": str(source.parent)}}
    settings = {"timeout": CELL_SECONDS, "record_timing": False, "store_widget_state": False}
    client = NotebookClient(notebook, **settings, resources=place)
    client.execute(env=os.environ | {"RESNET_EDU_RUNS": str(shelf), "RESNET_EDU_IDLE": "1"})
    del notebook.cells[lesson:]
    return notebook


def fold_answers(notebook: NotebookNode) -> None:
    """Hide the outputs of cells with the tag "answer", so that reading does not give them away.

    JupyterLab shows an output again when its cell is run.
    """
    for cell in notebook.cells:
        if ANSWER in cell.metadata.get("tags", ()):
            cell.metadata["collapsed"] = True
            cell.metadata["jupyter"] = {"outputs_hidden": True}


def leave_out_widgets(notebook: NotebookNode) -> None:
    """A widget needs its kernel. What it was shown with, Markdown or a picture, is left in the copy."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)


def add_pictures(notebook: NotebookNode) -> None:
    """Beside every chart a PNG, for pages that do not draw Plotly's own form."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            chart = output.get("data", {}).get(PLOTLY)
            if chart is not None:
                output.data["image/png"] = base64.b64encode(picture(chart)).decode()


def picture(chart: dict) -> bytes:
    figure = {"data": chart["data"], "layout": chart["layout"]}
    return plotly.io.to_image(figure, format="png", width=WIDTH, scale=1, validate=False)


if __name__ == "__main__":
    main(sys.argv[1:])
