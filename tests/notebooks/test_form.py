"""The form of a lesson: guesses come first, answers are folded, and each solution passes its check."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbformat
import pytest

from resnet_edu.exercises import check

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SOURCES = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))
SOLUTION = re.compile(r"<details><summary>Solution</summary>\n\n```python\n(.*?)```\n</details>", re.DOTALL)
CHECK = re.compile(r"^check\.(\w+)\((\w+)\)$", re.MULTILINE)
TORCH = re.compile(r"^(?:import|from) torch.*$", re.MULTILINE)
CARD = re.compile(r"> \*\*Exercise.*\*\* &nbsp; difficulty [●○]{3} · importance [●○]{3} · \d+ minutes")

each_lesson = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def cells(source: Path, kind: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in jupytext.read(source).cells if cell.cell_type == kind]


def text(source: Path, kind: str = "markdown") -> str:
    return "\n\n".join(cell.source for cell in cells(source, kind))


def is_answer(cell: nbformat.NotebookNode) -> bool:
    return "answer" in cell.metadata.get("tags", ())


@each_lesson
def test_it_says_what_it_takes_and_what_it_gives(source: Path) -> None:
    begun = cells(source, "markdown")[0].source
    assert all(word in begun for word in ("**Time:**", "**You need:**", "**Afterwards**"))
    assert "## Do you remember?" in text(source)
    assert "<summary>Answers</summary>" in text(source)


@each_lesson
def test_each_guess_comes_before_its_measurement_and_the_answer_is_folded(source: Path) -> None:
    asked: set[str] = set()
    for cell in cells(source, "code"):
        for name in re.findall(r"^(\w+)\.compare\(", cell.source, re.MULTILINE):
            assert name in asked, f"{name} is compared before it is asked for"
            assert is_answer(cell), f"the cell that compares {name} lacks the tag"
            asked.remove(name)
        asked |= set(re.findall(r"^(\w+) = predict\(", cell.source, re.MULTILINE))
    assert asked == set()
    assert "**Predict.**" not in text(source)  # asked in prose, its answer would be in the open below


@each_lesson
def test_answers_are_folded_in_the_executed_copy(source: Path) -> None:
    copy = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    answers = [cell for cell in copy.cells if is_answer(cell)]
    assert answers
    assert all(cell.metadata["jupyter"]["outputs_hidden"] for cell in answers)
    assert "vnd.jupyter.widget-view" not in source.with_suffix(".ipynb").read_text("utf-8")


@each_lesson
def test_each_exercise_is_a_card_with_a_check_a_hint_and_a_solution_that_passes(source: Path) -> None:
    prose, code = text(source), text(source, "code")
    checks, solutions = CHECK.findall(code), SOLUTION.findall(prose)
    assert 1 <= len(checks) <= 6
    assert len(CARD.findall(prose)) == len(solutions) == len(checks)
    assert prose.count("<summary>Hint") >= len(checks)
    for (name, written), solution in zip(checks, solutions, strict=True):
        names = dict[str, object]()
        exec("\n".join(TORCH.findall(code)) + "\n" + solution, names)  # with what the lesson imports of it
        diagnosis = getattr(check, name)(names[written])
        assert diagnosis.state == "right", diagnosis.message


@each_lesson
def test_exercises_are_not_solved_in_the_repository(source: Path) -> None:
    copy = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    said = [
        cell.outputs[-1].data["text/markdown"]
        for cell in copy.cells
        if "\ncheck." in cell.source and cell.cell_type == "code"
    ]
    assert said
    assert all(line.startswith("**○ Not attempted.**") for line in said)


def test_a_handout_has_all_gaps_and_no_solution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    from handout import hand_out

    written = hand_out(tmp_path / "class")
    assert [path.stem for path in written] == [source.stem for source in SOURCES]
    for path, source in zip(written, SOURCES, strict=True):
        handed = nbformat.read(path, as_version=4)
        nbformat.validate(handed)
        prose = "\n".join(cell.source for cell in handed.cells if cell.cell_type == "markdown")
        assert "<summary>Hint" in prose
        assert not re.search(r"<summary>(Solution|Answer)", prose)
        assert prose.count("<details>") == prose.count("</details>")
        code = [cell.source for cell in handed.cells if cell.cell_type == "code"]
        assert code == [cell.source for cell in cells(source, "code")]
    assert (tmp_path / "class" / "predict.js").is_file()
