"""Docstrings are plain English: a named subject acts. Words that hide it are not used for software."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*(ROOT / "resnet_edu").rglob("*.py"), *(ROOT / "app").rglob("*.py")]
)
WORDS = re.compile(
    r"\b(whoever|somebody|nobody|anybody|everybody|(is|are|was) told|lies|stands|stood|wish(es)?|errands?)\b",
    re.IGNORECASE,
)


def docstrings(path: str) -> list[str]:
    """All of a file, those of assignments too."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]


def found(path: str) -> list[str]:
    return sorted({match[0].lower() for text in docstrings(path) for match in WORDS.finditer(text)})


@pytest.mark.parametrize("path", FILES)
def test_no_docstring_hides_who_acts(path):
    assert found(path) == [], f"{path}: name the subject: the worker, the page, rank 0 …"
