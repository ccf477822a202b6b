"""`resnet-edu probe RUN QUESTION`: one question to a trained net, answered once and kept."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import pandas as pd

from resnet_edu import jobs
from resnet_edu.cli.common import (
    Commands,
    add_data_dir,
    add_moved_data,
    add_shelf,
    moved,
    path,
    print_table,
    shelf_of,
    use_data_dir,
)
from resnet_edu.cli.terminal import console, heading, say, waiting
from resnet_edu.experiment.probes import PROBES
from resnet_edu.runs import Run, RunError, answers, files, recorded
from resnet_edu.runs.answers import ProbeAnswer

POLL_SECONDS = 0.1
QUESTIONS = {probe.name: probe.help for probe in PROBES.values() if probe.speed != "long"}
"""`resnet-edu surface` shows the progress of the long ones."""
_WIDTH = max(len(name) for name in QUESTIONS)
EPILOG = (
    "\n".join(["questions:", *(f"  {name:<{_WIDTH}}  {text}" for name, text in QUESTIONS.items())])
    + """

Arguments go by their names, such as --images 500 --of train; lists as a,b or as JSON.
`resnet-edu probe RUN QUESTION --help` explains a question's arguments and what it measures."""
)


def add(commands: Commands) -> None:
    probe = commands.add_parser(
        "probe",
        help="ask a trained net: lesions, paths, gradients, saliency",
        epilog=EPILOG,
        parents=[_options()],
        usage="%(prog)s RUN QUESTION [--argument value …] [--csv FILE] [--shelf DIR] [--data-dir DIR]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    probe.add_argument("name", metavar="RUN", help="a run's name or a part of it; yours, else a recorded one")
    probe.add_argument("question", metavar="QUESTION", choices=QUESTIONS, help="one of those below")
    probe.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    probe.set_defaults(run=_probe)


def _options() -> argparse.ArgumentParser:
    """Flags that may come before or after the question and its arguments."""
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--csv", type=path, metavar="FILE", help="write the table there too")
    add_shelf(options)
    add_data_dir(options)
    add_moved_data(options)
    return options


def _probe(options: argparse.Namespace) -> int:
    options, words = _options().parse_known_args(options.arguments, options)
    if {"-h", "--help"} & set(words):
        return _explained(options.question)
    arguments = _arguments(words)
    use_data_dir(options)
    run = moved(_run(options), options)
    try:
        facts, arrays = _answered(run, options.question, arguments)
    except KeyboardInterrupt:
        console.print("The worker goes on; the same command shows its answer.")
        return 130
    table = _table(arrays)
    for name, value in facts.items():
        heading(name, f"  {_text(value)}")
    for name, array in arrays.items() if table is None else ():
        heading(name, f"  {array.dtype} {list(array.shape)}")
    if table is not None:
        console.print()
        print_table(table)
    if options.csv is not None:
        _write(table, options)
    return 0


def _explained(question: str) -> int:
    """Print the docstring and the arguments of the function that answers; this alone imports torch."""
    import inspect

    from resnet_edu import probes

    function = probes.PROBES[question]
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for each in own:
        default = "" if each.default is each.empty else f"  default: {_text(each.default)}"
        print(f"--{each.name}{default}")
    print(f"\n{inspect.getdoc(function)}")
    return 0


def _run(options: argparse.Namespace) -> Run:
    """A run of the user's, else one that ships with the package."""
    own = shelf_of(options)
    for shelf in (own, recorded()):
        if any(options.name in run.name for run in shelf.runs()):
            return shelf.find(options.name)
    return own.find(options.name)


def _arguments(words: list[str]) -> dict[str, Any]:
    """`--images 200 --delete a,b` as {"images": 200, "delete": ["a", "b"]}."""
    found, rest = {}, list(words)
    while rest:
        flag, equals, text = rest.pop(0).partition("=")
        if not flag.startswith("--") or (not equals and not rest):
            raise RunError(f"{flag} is no argument; arguments go as --name value")
        found[flag[2:].replace("-", "_")] = _value(text if equals else rest.pop(0))
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return [_value(part) for part in text.split(",")] if "," in text else text


def _answered(run: Run, question: str, arguments: dict[str, Any]) -> ProbeAnswer:
    """Waits for a worker's answer. Raises `RunError` with the error that it wrote instead."""
    with waiting(f"Asking {run.name} …"):
        folder = jobs.ask(run, question, **arguments)
        while not answers.answered(folder):
            time.sleep(POLL_SECONDS)
            jobs.ask(run, question, **arguments)  # in case its worker died
    answer = answers.read_answer(folder)
    if answer.error is not None:
        raise RunError(answer.error)
    return answer


def _table(arrays: answers.Arrays) -> pd.DataFrame | None:
    """Columns of equal length as a table; None where the arrays are pictures or maps."""
    if {array.ndim for array in arrays.values()} != {1} or len({len(a) for a in arrays.values()}) > 1:
        return None
    return pd.DataFrame(arrays)


def _write(table: pd.DataFrame | None, options: argparse.Namespace) -> None:
    if table is None:
        raise RunError(f"--csv {options.csv}: the answer to {options.question} is no table")
    with files.naming(options.csv):
        table.to_csv(options.csv, index=False)
    say("", options.csv)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(each) for each in value) or "none"
    return str(value)
