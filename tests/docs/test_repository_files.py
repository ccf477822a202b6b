"""What other programs read of this repository: workflow, templates, hooks, editor settings, citation."""

from __future__ import annotations

import re
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

import resnet_edu
from resnet_edu.references import HE_2015

ROOT = Path(__file__).parents[2]
PINS = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text("utf-8"), flags=re.M))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def parsed(*place: str) -> Any:
    return yaml.safe_load(ROOT.joinpath(*place).read_text("utf-8"))


def steps(job: str) -> list[str]:
    return [
        step["run"]
        for step in parsed(".github", "workflows", "test.yml")["jobs"][job]["steps"]
        if "run" in step
    ]


def test_workflow_runs_the_repositorys_own_script() -> None:
    workflow = parsed(".github", "workflows", "test.yml")
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML takes "on" for true
    assert workflow["permissions"] == {"contents": "read"}
    assert steps("linux")[-1] == ".ci/run"
    assert (ROOT / ".ci" / "run").is_file()


def test_other_systems_run_quick_tests_of_folders_that_exist() -> None:
    *_, command = steps("elsewhere")
    tests = re.findall(r"tests/\S+", command)
    assert len(tests) > 5
    assert [name for name in tests if not list((ROOT / name).glob("test_*.py"))] == []
    assert '"not slow and not soak"' in command
    systems = parsed(".github", "workflows", "test.yml")["jobs"]["elsewhere"]["strategy"]["matrix"]["os"]
    assert {name.split("-")[0] for name in systems} == {"macos", "windows"}


def test_workflow_uses_the_oldest_python_that_is_promised() -> None:
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    *_, python = (
        s["with"]
        for s in parsed(".github", "workflows", "test.yml")["jobs"]["elsewhere"]["steps"]
        if "with" in s
    )
    assert python["python-version"] == oldest


def test_hooks_have_the_pinned_versions() -> None:
    hooks = {
        hook["id"]: repo for repo in parsed(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]
    }
    assert set(hooks) == {"ruff-check", "ruff-format", "codespell", "mypy"}
    for name in ("ruff-check", "ruff-format", "codespell"):
        assert hooks[name]["rev"] == f"v{PINS[name.split('-')[0]]}", name
    assert hooks["mypy"]["repo"] == "local"  # the one of the environment, which is the pinned one


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_issue_forms_are_as_github_reads_them(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf-8"))
    if path.stem == "config":
        assert isinstance(form["blank_issues_enabled"], bool)
        return
    assert {"name", "description", "body"} <= set(form)
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(part["type"] in ("input", "textarea", "dropdown", "checkboxes") for part in fields)
    assert all(part["attributes"]["label"] for part in fields)
    assert len({part["id"] for part in fields}) == len(fields)


def test_bug_form_asks_for_versions_by_a_command() -> None:
    fields = {
        part["id"]: part["attributes"] for part in parsed(".github", "ISSUE_TEMPLATE", "bug.yml")["body"]
    }
    assert "resnet-edu --version --verbose" in fields["versions"]["value"]


def test_citation_is_whole_and_of_this_version() -> None:
    citation = parsed("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["version"] == resnet_edu.__version__
    assert citation["license"] == PROJECT["project"]["license"]
    for paper in citation["references"]:
        assert {"type", "title", "authors", "year", "doi"} <= set(paper)
        assert re.fullmatch(r"10\.48550/arXiv\.\d{4}\.\d{5}", paper["doi"])
        assert all({"family-names", "given-names"} == set(author) for author in paper["authors"])


def test_cited_papers_are_those_of_the_readme_and_the_references() -> None:
    dois = [paper["doi"] for paper in parsed("CITATION.cff")["references"]]
    cited = {doi.rpartition("arXiv.")[2] for doi in dois}
    readme = re.findall(r"arXiv:([\d.]+\d)", (ROOT / "README.md").read_text("utf-8"))
    assert readme
    assert {*readme, *re.findall(r"arXiv:([\d.]+)", HE_2015.full)} <= cited


def test_files_are_as_the_editor_settings_say() -> None:
    settings = ConfigParser()
    settings.read_string("[top]\n" + (ROOT / ".editorconfig").read_text("utf-8"))
    assert settings["*"]["indent_style"] == "space"
    assert settings["*"]["max_line_length"] == str(PROJECT["tool"]["ruff"]["line-length"])
    wrong = [trouble for path in texts() if (trouble := against_settings(path))]
    assert wrong == []


def texts() -> list[Path]:
    """The repository's own text files: no data, no notebooks' outputs, nothing from elsewhere."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this copy is no git repository")
    kinds = {".py", ".md", ".toml", ".yml", ".yaml", ".cff", ".css", ".js", ".txt", ""}
    paths = [ROOT / name for name in listed.stdout.split("\0") if name and "vendor/" not in name]
    return [path for path in paths if path.suffix in kinds and path.is_file()]


def against_settings(path: Path) -> str | None:
    content = path.read_bytes()
    name = path.relative_to(ROOT).as_posix()
    if b"\r" in content:
        return f"{name}: a line ends in CR LF"
    if content and not content.endswith(b"\n"):
        return f"{name}: no newline at its end"
    if re.search(rb"[ \t]\n", content):
        return f"{name}: blanks at the end of a line"
    if path.name != "Makefile" and re.search(rb"^\t", content, flags=re.M):
        return f"{name}: indented by a tab"
    return None
