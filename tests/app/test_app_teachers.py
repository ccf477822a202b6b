"""The teachers' pages name addresses of the app: each opens, as it says, without a warning."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PAGES = sorted((NOTEBOOKS / "teachers").glob("*.md"))
ADDRESS = re.compile(r"\((http://localhost:8501/[^)]*)\)")
ADDRESSES = sorted({address for page in PAGES for address in ADDRESS.findall(page.read_text("utf-8"))})


def test_each_lesson_has_its_page():
    lessons = [source.name[:2] for source in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))]
    assert [page.stem for page in PAGES] == lessons
    parts = ("| minutes |", "**What students usually get wrong**", "**Questions to ask, and answers**")
    for page in PAGES:
        text = page.read_text("utf-8")
        assert [part for part in parts if part not in text] == []
        links = re.findall(r"\]\((\.\./[^)]+)\)", text)
        assert links
        assert all((page.parent / link).is_file() for link in links)


@pytest.mark.slow
@pytest.mark.usefixtures("no_workers")
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_address_opens(opened, address):
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query))
    at = opened(parts.path.strip("/"), **query)
    assert not at.exception
    assert [warning.value for warning in at.warning] == []
    kept = {name: at.query_params[name] for name in query if name in at.query_params}
    assert {name: value if isinstance(value, str) else value[0] for name, value in kept.items()} == query
