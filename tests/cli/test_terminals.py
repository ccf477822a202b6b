"""Any terminal can show what the command prints: every encoding, and text that looks like markup."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import SMALL

from resnet_edu.cli import main, parser
from resnet_edu.cli.terminal import encode_anything, heading, say, waiting
from resnet_edu.runs import Shelf

ENCODINGS = ("ascii", "latin-1", "cp1252", "koi8-r", "shift_jis", "utf-16")
SPOKEN = ("ascii", "cp1252")


def every_command(of: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and of every verb, as the parser has them."""
    yield words
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from every_command(inner, (*words, word))


COMMANDS = sorted(set(every_command(parser())))


@pytest.fixture
def on(monkeypatch) -> Callable[..., tuple[int, str]]:
    """`on("ascii", "runs", "list")`: status and output on a terminal of this strict encoding."""

    def run(encoding: str, *words: str) -> tuple[int, str]:
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", out)
        try:
            code = main(list(words))
        except SystemExit as exit:
            code = int(exit.code or 0)
        out.flush()
        written = out.buffer.getvalue()
        return code, written.decode(encoding, "surrogateescape")

    return run


def test_the_commands_are_all_here() -> None:
    assert {("train",), ("resume",), ("stop",), ("runs", "export"), ("study",), ()} <= {*COMMANDS}


@pytest.mark.parametrize("encoding", SPOKEN)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_of_every_command(on, encoding, words) -> None:
    code, said = on(encoding, *words, "--help")
    assert code == 0
    assert said.startswith("usage: resnet-edu")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_training_and_every_table(on, encoding, tmp_path) -> None:
    folder = str(tmp_path / "Ünïcode 日本 [bold] …")
    shelf = f"--shelf={folder}"
    assert on(encoding, "train", *SMALL, "--steps=4", shelf)[0] == 0
    (run,) = Shelf(folder).runs()
    for words in (
        ("runs", shelf),
        ("runs", "show", run.name, shelf),
        ("runs", "compare", run.name, shelf),
        ("runs", "export", run.name, shelf, f"--to={folder}"),
        ("flow", run.name, shelf, f"--html={folder}/…é.html"),
        ("runs", "--recorded"),
        ("net", "resnet-20"),
        ("net", "resnet-20", "--layers"),
        ("net", "resnet-20", "--json"),
        ("data", f"--data-dir={folder}"),
        ("--version", "--verbose"),
    ):
        code, said = on(encoding, *words)
        assert code == 0, (words, said)
        assert said


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_error_about_a_name_of_any_letters(on, encoding) -> None:
    code, said = on(encoding, "resume", "é–日本–\udcff[/nope]")
    assert code == 2
    assert "is called" in said
    assert on(encoding, "train", "--lr=–1")[0] == 2
    assert on(encoding, "frobnicate–")[0] == 2


def test_signs_are_spelled_and_letters_of_names_kept_apart(monkeypatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", out)
    encode_anything()
    print("1 … 2 × 3², σ ≤ ½ – ± → ∂x₀ ━╌ é 日 \udce9")
    out.flush()
    assert out.buffer.getvalue() == rb"1 ... 2 x 32, sigma <= 1/2 - +- -> dx0 =- \xe9 \u65e5 " + b"\xe9\n"


def test_what_the_encoding_has_is_left_as_it_is(on) -> None:
    assert "×" in on("latin-1", "net", "resnet-20")[1]
    assert "…" in on("cp1252", "train", "--lr=1000")[1]


@pytest.mark.parametrize(
    "text",
    [
        "[bold]x[/bold]",
        "[/nope]",
        "a [old] b",
        r"\[x]",
        ":smile:",
        "[link=file:///x]y[/]",
        "[[x]]",
        "[1;31m]",
    ],
)
def test_text_is_no_markup(capsys, text) -> None:
    say(text)
    heading(text, f" {text}")
    with waiting(text):
        pass
    assert capsys.readouterr().out == f"{text}\n{text} {text}\n"


def test_a_long_path_stays_in_one_line(capsys, monkeypatch) -> None:
    from resnet_edu.cli import terminal

    monkeypatch.setattr(terminal.console, "_width", 40)
    path = "/tmp/" + "folder with blanks/" * 10
    say(path)
    assert capsys.readouterr().out == f"{path}\n"


def test_brackets_in_paths_are_printed(command, train, tmp_path) -> None:
    old, final = tmp_path / "b [old]", tmp_path / "out [final] :smile:"
    said = train(f"--shelf={old}")
    (run,) = Shelf(old).runs()
    assert said.out.splitlines()[1] == str(run.path)
    said = command("runs", "export", run.name, "--shelf", old, "--to", final)
    assert said.out.splitlines() == [
        str(final / f"{run.name}-{table}.csv") for table in ("steps", "evals", "layers", "blocks")
    ]
    assert str(run.path) in command("runs", "show", run.name, "--shelf", old).out
    assert str(tmp_path / "[red]") in command("runs", "--shelf", tmp_path / "[red]").out
    assert f"from {old}?" in command("runs", "remove", run.name, "--shelf", old).out


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"},
        {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONUTF8": "0", "LC_ALL": "en_US.ISO-8859-1", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_a_process_in_another_locale(environment, tmp_path: Path) -> None:
    shelf = tmp_path / "Ünï – 日本"
    for words in (
        ["train", "--help"],
        ["train", *SMALL, "--steps=4", f"--shelf={shelf}"],
        ["runs", f"--shelf={shelf}"],
    ):
        command = [sys.executable, "-m", "resnet_edu", *words]
        said = subprocess.run(command, env=os.environ | environment, capture_output=True)
        assert said.returncode == 0, said.stderr
        assert said.stderr == b""
    assert [run.status().state for run in Shelf(shelf).runs()] == ["done"]
