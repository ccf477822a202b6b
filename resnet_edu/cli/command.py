"""The parser of `resnet-edu`, and the errors that it prints."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO

from resnet_edu import __version__
from resnet_edu.cli import app, claims, data, flow, net, probe, resume, runs, study, surface, train, version
from resnet_edu.cli.common import elsewhere
from resnet_edu.cli.terminal import encode_anything
from resnet_edu.experiment.spec import SpecError
from resnet_edu.runs import RunError


def parse(words: list[str]) -> argparse.Namespace:
    """The options, of which `run` does what the command says. From here on any terminal can show all text."""
    encode_anything()
    if "--version" in words and {*words} == {"--version", "--verbose"}:
        return argparse.Namespace(run=_report)
    with _rank0_output_only():
        return parser().parse_args(_with_verb(words))


def _report(_: argparse.Namespace) -> int:
    print(version.report())
    return 0


def errors() -> tuple[type[Exception], ...]:
    """What has a sentence for the user."""
    return SpecError, RunError, OSError, data.errors()


def print_error(error: Exception, options: argparse.Namespace) -> None:
    with _rank0_output_only():
        print(f"resnet-edu: {error}{elsewhere(error, options)}", file=sys.stderr)


@contextmanager
def _rank0_output_only() -> Iterator[None]:
    """Only local rank 0 prints: torchrun's other processes hit the same error."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        yield
        return
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        yield


def _with_verb(words: list[str]) -> list[str]:
    """`resnet-edu runs` lists; argparse wants the verb, because its flags belong to the verbs."""
    bare = words[:1] == ["runs"] and (len(words) == 1 or words[1].startswith(("--shelf", "--recorded")))
    return ["runs", "list", *words[1:]] if bare else words


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="resnet-edu", description="See why residual networks work.")
    top.add_argument("--version", action="version", version=__version__)
    top.add_argument("--verbose", action="store_true", help="with --version: versions, device and folders")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for room in (study, claims, train, resume, runs, flow, probe, surface, data, net, app):
        room.add(commands)
    return top
