"""The lessons: executed copies in step with their sources, and what their prose says holds when they run."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jupytext
import nbformat
import pandas as pd
import pytest
from nbformat import NotebookNode

from resnet_edu import studies
from resnet_edu.experiment import budgets
from resnet_edu.runs import Run, Shelf, recorded

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SOURCES = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))
LESSON_1, LESSON_2 = NOTEBOOKS / "01_degradation.py", NOTEBOOKS / "02_residual_formulation.py"
LARGEST = 1_500_000  # bytes
PLOTLY, PICTURE = "application/vnd.plotly.v1+json", "image/png"
ABSOLUTE_PATH = re.compile(
    r"(?<![\w.:/<])/(?:home|Users|root|tmp|var|opt|mnt|work|private)/|[A-Z]:\\\\?Users"
)

each_lesson = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


@pytest.fixture
def beside_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import from the lessons' folder, as a lesson does."""
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    for name in ("lesson", "execute", "predict"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def saved(source: Path) -> NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def charts(notebook: NotebookNode) -> list[NotebookNode]:
    return [output.data for output in outputs(notebook) if PLOTLY in output.get("data", {})]


def said(notebook: NotebookNode) -> str:
    return "\n".join(output.get("data", {}).get("text/markdown", "") for output in outputs(notebook))


def assert_ran_well(notebook: NotebookNode) -> None:
    assert [cell.execution_count for cell in code_cells(notebook)] == [
        *range(1, len(code_cells(notebook)) + 1)
    ]
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert not [output.text for output in outputs(notebook) if output.get("name") == "stderr"]


def test_there_are_lessons_and_the_readme_lists_them() -> None:
    listed = (NOTEBOOKS / "README.md").read_text("utf-8")
    assert SOURCES
    assert [source.name for source in SOURCES if f"({source.stem}.ipynb)" not in listed] == []


@each_lesson
def test_executed_copy_is_in_step_with_its_source(source: Path) -> None:
    written, copy = jupytext.read(source), saved(source)
    assert [(cell.cell_type, cell.source) for cell in copy.cells] == [
        (cell.cell_type, cell.source) for cell in written.cells
    ]


@each_lesson
def test_executed_copy_shows_its_pictures_without_running(source: Path) -> None:
    copy = saved(source)
    assert_ran_well(copy)
    assert charts(copy)
    assert all(PICTURE in chart and chart["text/plain"] for chart in charts(copy))
    assert source.with_suffix(".ipynb").stat().st_size < LARGEST


@each_lesson
def test_executed_copy_names_no_place_on_a_machine(source: Path) -> None:
    text = source.with_suffix(".ipynb").read_text("utf-8")
    assert ABSOLUTE_PATH.findall(re.sub(r'"[A-Za-z0-9+/=]{200,}(\\n)?"', '""', text)) == []


def test_first_lesson_tells_the_verdict_of_the_recorded_runs_that_ship() -> None:
    study = studies.get("degradation")
    runs = [run for arm in study.arms("minute") if (run := recorded().latest(arm)) is not None]
    verdict = study.verdict(study.measure(runs))
    text = said(saved(LESSON_1))
    assert f"{len(runs)} recorded runs say: **{verdict.word}**" in text, "run: python notebooks/execute.py"
    assert verdict.sentence in text, "run: python notebooks/execute.py"


def test_second_lesson_compares_with_the_recorded_runs_that_ship() -> None:
    runs = [recorded().latest(budgets.at("minute", "plain-56", seed)) for seed in range(3)]
    errors = pd.Series([run.evals()["train_error"].iloc[-1] for run in runs if run])
    tables = [output.get("data", {}).get("text/plain", "") for output in outputs(saved(LESSON_2))]
    shown = f"{errors.mean():.2f} ± {errors.std():.2f}"
    assert any(shown in table for table in tables), "run: python notebooks/execute.py"


@pytest.mark.slow
@pytest.mark.usefixtures("beside_lessons")
@each_lesson
def test_lesson_runs_from_its_source(source: Path, tmp_path: Path) -> None:
    from execute import executed

    holds = f"import sys; sys.path.append({str(Path(__file__).parent)!r})\n"
    holds += f"import claims; claims.OF[{source.stem!r}](globals())"
    notebook = executed(source, tmp_path / "runs", afterwards=holds)
    assert_ran_well(notebook)
    assert len(charts(notebook)) == len(charts(saved(source)))


@pytest.mark.slow
@pytest.mark.usefixtures("beside_lessons")
def test_every_chart_gets_a_picture() -> None:
    if not any(shutil.which(name) for name in ("chromium", "google-chrome", "chrome")):
        assert "RESNET_EDU_REQUIRE_BROWSER" not in os.environ
        pytest.skip("no Chrome or Chromium here")
    from execute import add_pictures

    chart = {"data": [{"y": [1, 2]}], "layout": {"height": 200}}
    output = nbformat.v4.new_output("display_data", {PLOTLY: chart})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output])])
    add_pictures(notebook)
    assert charts(notebook)[0][PICTURE].startswith("iVBOR")  # a PNG's first bytes, in base64


@pytest.mark.slow
@pytest.mark.usefixtures("beside_lessons")
def test_stop_button_stops_and_running_again_goes_on(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    import lesson

    experiment = tiny(steps=3000, train=512)

    def stop_when_begun(seconds: float) -> None:
        time.sleep(0.05)
        if Shelf().get_or_create(experiment).status().step > 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as pressing:
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=stop_when_begun)
        pressing.setattr(lesson, "time", clock)
        with pytest.raises(lesson.Stopped) as stopped:
            lesson.train([experiment])
    assert stopped.value._render_traceback_()[0].startswith("Stopped.")
    first = _ended(Shelf().get_or_create(experiment))
    assert first.state == "stopped"
    assert 0 < first.step < 3000
    (run,) = lesson.train([experiment])
    assert run.status().state == "done"
    assert run.steps()["step"].tolist() == list(range(3000))


def _ended(run: Run):
    for _ in range(600):
        if (status := run.status()).ended:
            return status
        time.sleep(0.05)
    raise AssertionError(f"{run.name} did not stop")


@pytest.mark.usefixtures("beside_lessons")
def test_empty_list_trains_nothing(capsys: pytest.CaptureFixture) -> None:
    import lesson

    assert lesson.train([]) == []
    assert capsys.readouterr().out == ""
    assert not Shelf().path.exists()
