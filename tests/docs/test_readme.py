"""The README says what is so: measured passages from recorded runs, commands and links that exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from resnet_edu.cli import parser
from resnet_edu.studies import copies

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("readme_tool", ROOT / "tools" / "readme.py")
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)
DOCS = sorted((ROOT / "docs").glob("*.md"))
README = (ROOT / "README.md").read_text("utf-8")


def test_measured_passages_are_those_of_the_recorded_runs():
    assert len(re.findall("<!-- measured:", README)) == 4
    assert TOOL.rewritten(README) == README, "run `make readme`"


def test_another_number_in_one_recorded_answer_changes_the_table_of_claims(monkeypatch):
    read = copies.read_answer

    def changed(run, question):
        answer = read(run, question)
        ratio = answer.arrays["ratio"] * (1.01 if run.name.startswith("dense-resnet-20-digits-s0") else 1)
        return answer._replace(arrays=answer.arrays | {"ratio": ratio})

    monkeypatch.setattr(copies, "read_answer", changed)
    assert TOOL.rewritten(README) != README


def test_cifar10_errors_stand_beside_the_papers_and_are_not_mixed_up_with_them():
    (passage,) = re.findall(r"<!-- measured: cifar10-errors -->\n(.*?)<!-- end -->", README, flags=re.S)
    rows = {
        row.split(" | ")[0]: row for row in re.findall(r"^\| ((?:plain|resnet).*) \|$", passage, flags=re.M)
    }
    assert {"plain-20", "resnet-20"} <= rows.keys()
    assert all(" | 16,000 | " in row for row in rows.values())
    assert "drawn in Fig. 6 without a number | 9.5–10.1" in rows["plain-20"]
    assert "8.75 (Table 6)" in rows["resnet-20"]
    assert "a quarter of the paper's steps" in passage


def test_it_stays_short_beside_its_tables_of_results():
    written = re.sub(r"<!-- measured: .*?<!-- end -->", "", README, flags=re.S)
    assert len(written.split()) <= 1000


PAGES = {
    page: (ROOT / page).read_text("utf-8")
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", *(f"docs/{p.name}" for p in DOCS))
}
COMMAND = re.compile(r"`(resnet-edu [^-`][^`]*)`|^ {4}(resnet-edu .*)$|-m (resnet_edu [^`\n…]+)", re.M)
"""In backticks, in a block of code, and of torchrun's the part that this package reads."""
TEXTS = [text.replace("\\\n", " ") for text in PAGES.values()]
COMMANDS = sorted({"".join(groups).strip() for text in TEXTS for groups in COMMAND.findall(text)})


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command):
    words = shlex.split(command)[1:]
    parser().parse_args([*words, "list"] if words == ["runs"] else words)


def test_environment_variables_of_the_package_are_documented():
    source = "".join(path.read_text("utf-8") for path in (ROOT / "resnet_edu").rglob("*.py"))
    read = set(re.findall(r"\bRESNET_EDU_[A-Z_]+\b", source))
    assert set(re.findall(r"\bRESNET_EDU_[A-Z_]+\b", "".join(PAGES.values()))) == read


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets


LINKS = sorted(
    {(page, link) for page, text in PAGES.items() for link in re.findall(r"\]\(([^)#:]+)\)", text)}
)


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_links_lead_somewhere(page, link):
    assert ((ROOT / page).parent / link).exists()


def test_every_page_of_docs_is_linked_from_the_readme():
    assert {f"docs/{page.name}" for page in DOCS} <= {link for page, link in LINKS if page == "README.md"}


def test_pages_of_the_app_stand_in_the_readme_in_their_order():
    titles = re.findall(r'title="([^"]+)"', (ROOT / "app" / "main.py").read_text("utf-8"))
    assert re.findall(r"^\| ([A-Z][^|]+\?) \|", README, flags=re.M) == titles


def test_versions_are_pinned_within_their_ranges():
    pins = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text("utf-8"), flags=re.M)
    )
    ranges = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', (ROOT / "pyproject.toml").read_text("utf-8")))
    assert len(ranges) > 15
    for name, low in ranges.items():
        if name == "setuptools":
            continue
        assert _numbers(pins[name]) >= _numbers(low), name


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def test_the_map_of_the_code_shows_every_room():
    package = ROOT / "resnet_edu"
    rooms = {path.name for path in package.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(re.findall(r"^\| \[`(\w+)/`\]", PAGES["docs/architecture.md"], flags=re.M)) == rooms
