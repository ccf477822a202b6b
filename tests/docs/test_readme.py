"""The README says what is so: measured passages from recorded runs, commands and links that exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from resnet_edu.cli import parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_measured_passages_are_those_of_the_recorded_runs():
    spec = importlib.util.spec_from_file_location("readme_tool", ROOT / "tools" / "readme.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert len(re.findall("<!-- measured:", README)) == 2
    assert tool.rewritten(README) == README, "run `make readme`"


COMMANDS = sorted(set(re.findall(r"`(resnet-edu [^`]*)`", README)))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command):
    words = shlex.split(command)[1:]
    parser().parse_args([*words, "list"] if words == ["runs"] else words)


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


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
