"""Everything that a run's files say, to be compared before and after damage."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import numpy as np

from resnet_edu.runs import Run, RunError, RunWriter, files
from resnet_edu.runs.answers import read_answer

KNOWN = {"labels", "how", "probe", "run", "arguments", "probabilities", "class_names", "baseline"}
"""Facts of answers; a flipped bit in the name of the checksum itself adds another, which is ignored."""


def everything(run: Run) -> dict[str, Any]:
    """What readers get. Raises `RunError`."""
    run = Run(run.path)
    tables = {name: getattr(run, name)().to_csv() for name in ("steps", "evals", "layers", "blocks")}
    weights = {step: _plain(run.weights(step)) for step in run.weight_steps()}
    answers = {folder.name: _answer(folder) for folder in run.path.glob("probes/*")}
    compute = dataclasses.replace(run.compute, more={})
    facts = {"compute": compute, "status": run.status(), "experiment": run.experiment}
    return {**tables, **facts, "weights": weights, "answers": answers}


def _answer(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    facts, arrays = read_answer(folder)
    return {key: value for key, value in facts.items() if key in KNOWN}, _plain(arrays)


def resumed(run: Run) -> tuple[Any, ...]:
    """What a worker that resumes the run gets, and leaves."""
    run = Run(run.path)
    with RunWriter(run) as writer:
        checkpoint = writer.begin(run.compute)
    tables = [(run.path / name).read_bytes() for name in files.TABLES]
    return _plain(checkpoint.tensors), checkpoint.step, checkpoint.seconds, tables


def _plain(tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: (str(each.dtype), each.shape, each.tobytes()) for name, each in tensors.items()}


def flip(path: Path, numbers: random.Random) -> str:
    """Flip one bit of the file; returns which."""
    content = bytearray(path.read_bytes())
    place, bit = numbers.randrange(len(content)), numbers.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"{path.name}: bit {bit} of byte {place}"


def content_of(run: Run) -> dict[Path, bytes]:
    """Of each file of the run that holds anything."""
    found = [path for path in sorted(run.path.rglob("*")) if path.is_file() and path.stat().st_size]
    return {path: path.read_bytes() for path in found}


def restore(run: Run, content: dict[Path, bytes]) -> None:
    for path, text in content.items():
        if not path.exists() or path.read_bytes() != text:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text)


def check_flips(run: Run, read: Any, count: int) -> dict[str, int]:
    """Flip `count` bits in each file of the run, one at a time: `read(run)` returns what it returned before,
    or raises a `RunError` that names the file. Returns how many were found in each file."""
    content = content_of(run)
    before, found = read(run), {}
    restore(run, content)
    for path in content:
        numbers = random.Random(path.name)
        for _ in range(count):
            what = flip(path, numbers)
            try:
                after = read(run)
            except RunError as error:
                named = str(error)
                found[path.name] = found.get(path.name, 0) + 1
            else:
                named, same = path.name, after == before
                assert same, what
            assert path.name in named, what
            restore(run, content)
    return found
