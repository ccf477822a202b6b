"""Answers as learners write them: right ones pass however they are written, and each wrong one gets a message
of its own. `right/` and `wrong/` have a file for each check; the docstring of a wrong answer has words of its
diagnosis."""

import inspect
import runpy
from pathlib import Path

import pytest

from resnet_edu.exercises import check

pytestmark = pytest.mark.slow  # hundreds of answers
HERE = Path(__file__).parent


def written(folder: str, name: str) -> dict[str, object]:
    """What the file defines, but for names with an underscore and what it imports."""
    path = HERE / folder / f"{name}.py"
    found = runpy.run_path(str(path), run_name=f"{folder}_{name}")
    public = {key: value for key, value in found.items() if not key.startswith("_") and key != "Unit"}
    return {
        key: value for key, value in public.items() if getattr(value, "__module__", "") == f"{folder}_{name}"
    }


ALL = [
    pytest.param(folder, name, answer, id=f"{folder}-{name}-{key}")
    for folder in ("right", "wrong")
    for name in check.__all__
    for key, answer in written(folder, name).items()
]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endless loops are stopped sooner than for a learner."""
    from resnet_edu.exercises import calling

    monkeypatch.setattr(calling, "SECONDS", 1.0)


@pytest.mark.parametrize(("folder", "name", "answer"), ALL)
def test_the_check_says_what_is_the_matter(folder, name, answer) -> None:
    diagnosis = getattr(check, name)(answer)
    if folder == "right":
        assert diagnosis.state == "right", diagnosis.message
    else:
        assert diagnosis.state == "wrong"
        assert inspect.getdoc(answer).split("\n")[0] in diagnosis.message


def test_every_check_has_three_right_answers_and_wrong_ones_with_a_message_each() -> None:
    count = 0
    for name in check.__all__:
        assert len(written("right", name)) >= 3, name
        messages = [str(getattr(check, name)(answer)) for answer in written("wrong", name).values()]
        assert len(set(messages)) == len(messages), name
        count += len(messages)
    assert count >= 40


def test_each_check_says_in_its_docstring_what_is_asked() -> None:
    assert [name for name in check.__all__ if not (getattr(check, name).__doc__ or "").startswith("`")] == []
