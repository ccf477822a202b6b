"""The files that strangers expect parse, and say what the code says."""

from __future__ import annotations

import configparser
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import resnet_edu
from resnet_edu import pictures
from resnet_edu.jobs import Limits, private, pruning

ROOT = Path(__file__).parents[2]
PINS = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text("utf-8"), flags=re.M))


TEXT = re.compile(r"^(?!.*/vendor/).*\.(py|md|toml|yml|yaml|cff|css|js|txt)$|^Makefile$|^\.[a-z]+$")


def _read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_workflow_runs_the_test_command_and_folders_that_exist():
    jobs = yaml.safe_load(_read(".github/workflows/test.yml"))["jobs"]
    assert {"run": "bash .ci/run"} in jobs["linux"]["steps"]
    oldest = tomllib.loads(_read("pyproject.toml"))["project"]["requires-python"].removeprefix(">=")
    assert jobs["linux"]["strategy"]["matrix"]["python"][0] == oldest
    assert jobs["pure-python"]["strategy"]["matrix"]["os"] == ["macos-latest", "windows-latest"]
    (tests,) = [step["run"] for step in jobs["pure-python"]["steps"] if "pytest" in step.get("run", "")]
    folders = re.findall(r"tests/\w+", tests)
    assert folders
    assert all((ROOT / folder).is_dir() for folder in folders)


def test_bug_report_asks_for_versions_and_its_fields_have_names():
    form = yaml.safe_load(_read(".github/ISSUE_TEMPLATE/bug.yml"))
    fields = {field["id"]: field["attributes"] for field in form["body"]}
    assert "`resnet-edu --version --verbose`" in fields["versions"]["description"]
    assert all("label" in attributes for attributes in fields.values())
    assert yaml.safe_load(_read(".github/ISSUE_TEMPLATE/config.yml"))["blank_issues_enabled"] is True


def test_pre_commit_runs_the_pinned_versions():
    ruff, local = yaml.safe_load(_read(".pre-commit-config.yaml"))["repos"]
    assert ruff["rev"] == f"v{PINS['ruff']}"
    assert [hook["id"] for hook in ruff["hooks"]] == ["ruff-check", "ruff-format"]
    assert [hook["entry"] for hook in local["hooks"]] == [".venv/bin/mypy"]
    assert "mypy" in PINS


def test_editorconfig_has_ruffs_line_length():
    config = configparser.ConfigParser()
    config.read_string(_read(".editorconfig").replace("root = true", "[*root]\nroot = true", 1))
    length = re.search(r"^line-length = (\d+)", _read("pyproject.toml"), flags=re.M)
    assert config["*.py"]["max_line_length"] == length[1]
    assert config["Makefile"]["indent_style"] == "tab"


def test_text_files_are_as_the_editor_settings_say():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this copy is no git repository")
    names = [name for name in listed.stdout.split("\0") if TEXT.search(name) and (ROOT / name).is_file()]
    assert len(names) > 200
    assert [trouble for name in names if (trouble := _against_settings(name))] == []


def _against_settings(name: str) -> str | None:
    content = (ROOT / name).read_bytes()
    if b"\r" in content:
        return f"{name}: a line ends in CR LF"
    if content and not content.endswith(b"\n"):
        return f"{name}: no newline at its end"
    if re.search(rb"[ \t]\n", content):
        return f"{name}: blanks at the end of a line"
    if name != "Makefile" and re.search(rb"(?m)^\t", content):
        return f"{name}: a tab begins a line"
    return None


def test_citation_names_this_version_and_the_papers_whose_claims_it_measures():
    citation = yaml.safe_load(_read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert citation["version"] == resnet_edu.__version__
    papers = {paper["identifiers"][0]["value"]: paper for paper in citation["references"]}
    for number in ("arXiv:1512.03385", "arXiv:1603.05027"):
        names = [author["family-names"] for author in papers[number]["authors"]]
        assert names == ["He", "Zhang", "Ren", "Sun"]
    for number, paper in papers.items():
        assert {"type", "title", "authors", "year"} <= paper.keys()
        assert paper["url"] == f"https://arxiv.org/abs/{number.removeprefix('arXiv:')}"


@pytest.mark.parametrize(
    "sentence",
    [
        f"at most {pictures.MOST_BYTES // 10**6} MB and {pictures.MOST_PIXELS // 10**6} million pixels",
        f"at most {pictures.MOST_PARTS} scans",
        f"{Limits.minutes:g} estimated minutes of training waiting, {Limits.trainings:g} trainings, and",
        f"{Limits.gigabytes:g} GB of\n  memory for each",
        f"once all of them take more than {pruning.MEGABYTES} MB",
        f"ended after {private.TIMEOUT:g} seconds",
        "How to report",
    ],
)
def test_security_gives_the_bounds_of_the_code(sentence):
    assert sentence in _read("SECURITY.md")
