"""The command as a function: `said = command("runs", "list")`, its lines unbroken."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import pytest
from commands import SMALL

from resnet_edu.cli import common, main


class Said(NamedTuple):
    code: int
    out: str
    error: str


@pytest.fixture
def command(capsys, monkeypatch) -> Callable[..., Said]:
    monkeypatch.setattr(common.console, "_width", 1000)
    monkeypatch.setattr(
        "resnet_edu.workers.train._commit", lambda: "0123456789ab"
    )  # git is not asked each time
    monkeypatch.setenv("RESNET_EDU_DATA", os.environ.get("RESNET_EDU_DATA", ""))  # --data-dir changes it

    def run(*words: str) -> Said:
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as exit:
            code = exit.code
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def train(command) -> Callable[..., Said]:
    """`train("--lr=1")` trains a tiny net."""
    return lambda *words: command("train", *SMALL, "--steps=4", *words)
