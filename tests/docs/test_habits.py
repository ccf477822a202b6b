"""The files that strangers expect parse, and say what the code says."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
import yaml

import resnet_edu
from resnet_edu import pictures

ROOT = Path(__file__).parents[2]
PINS = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text("utf-8"), flags=re.M))


def _read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_workflow_runs_the_test_command_and_folders_that_exist():
    jobs = yaml.safe_load(_read(".github/workflows/test.yml"))["jobs"]
    assert {"run": "bash .ci/run"} in jobs["linux"]["steps"]
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


def test_citation_names_this_version_and_both_papers():
    citation = yaml.safe_load(_read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert citation["version"] == resnet_edu.__version__
    papers = {paper["identifiers"][0]["value"]: paper for paper in citation["references"]}
    assert papers.keys() == {"arXiv:1512.03385", "arXiv:1603.05027"}
    for paper in papers.values():
        assert [author["family-names"] for author in paper["authors"]] == ["He", "Zhang", "Ren", "Sun"]


@pytest.mark.parametrize(
    "sentence",
    [
        f"at most {pictures.MOST_BYTES // 10**6} MB and {pictures.MOST_PIXELS // 10**6} million pixels",
        f"at most {pictures.MOST_PARTS} scans",
        "How to report",
    ],
)
def test_security_gives_the_bounds_of_the_code(sentence):
    assert sentence in _read("SECURITY.md")
