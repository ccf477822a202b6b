"""Tables out of a run, for other programs; and a run made small enough to ship with the package."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_edu.runs import files, tensors
from resnet_edu.runs.files import RunError
from resnet_edu.runs.run import Run

if TYPE_CHECKING:
    import numpy as np

TABLES = ("steps", "evals", "layers", "blocks")
FORMATS = ("csv", "parquet")


def export(run: Run, folder: Path, form: str = "csv") -> list[Path]:
    """Write the run's tables as FOLDER/NAME-TABLE.csv (or .parquet); returns the files."""
    if form not in FORMATS:
        raise RunError(f"format is {form!r}; allowed: {', '.join(FORMATS)}")
    tables = {name: getattr(run, name)() for name in TABLES}  # all are read before one is written
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables.items():
        path = folder / f"{run.name}-{name}.{form}"
        with files.naming(path):
            table.to_csv(path, index=False) if form == "csv" else table.to_parquet(path, index=False)
        written.append(path)
    return written


def pack(run: Run, shelf: Path, *, weights: str = "none") -> Run:
    """Copy a finished run onto a shelf as Parquet tables, float32, and its weights in half precision.

    run      must have ended, and been trained from committed source
    shelf    folder that holds packed runs
    weights  'none', 'last', 'all' that were kept, or a number: so many of those, evenly, with the last

    Raises `RunError` where one of these does not hold.
    """
    kept = _thinned(run.weight_steps(), weights)
    status = run.status()
    if not status.complete:
        raise RunError(f"{run.name} is {status.state}; only runs that have ended are packed")
    if run.compute is None or (run.compute.commit or "+").endswith("+"):
        raise RunError(f"{run.name} was trained from uncommitted source; commit, train again, then pack")
    target = shelf / run.name.split("~")[0]
    if target.exists():
        raise RunError(f"{target} exists; remove it first to replace it")
    target.mkdir(parents=True)
    try:
        _pack(run, target, kept)
    except BaseException:
        shutil.rmtree(target)
        raise
    return Run(target)


def _pack(run: Run, target: Path, kept: list[int]) -> None:
    for name in (files.EXPERIMENT, files.HOW, files.STATUS):
        shutil.copyfile(run.path / name, target / name)
    for name in TABLES:
        table = getattr(run, name)()
        floats = table.select_dtypes("float").columns
        smaller = table.astype(dict.fromkeys(floats, "float32") | {"step": "int32"})
        with files.naming(path := target / f"{name}.parquet"):
            smaller.to_parquet(path, index=False, compression="zstd")
    _pack_weights(run, target, kept)


def _thinned(steps: list[int], weights: str) -> list[int]:
    """The steps whose weights are packed: evenly chosen among those that were kept, and always the last."""
    words = {"none": "0", "last": "1", "all": str(len(steps))}
    if not re.fullmatch(r"\d{1,3}", number := words.get(weights, weights), re.ASCII):
        raise RunError(f"weights is {weights!r}; allowed: {', '.join(words)}, or how many")
    count = min(int(number), len(steps))
    return [steps[len(steps) * (i + 1) // count - 1] for i in range(count)]


def _pack_weights(run: Run, target: Path, steps: list[int]) -> None:
    for step in steps:
        (target / files.WEIGHTS).mkdir(exist_ok=True)
        halves = {name: _half(name, tensor) for name, tensor in run.weights(step).items()}
        tensors.write(files.weights_file(target, step), halves)


def _half(name: str, tensor: np.ndarray) -> np.ndarray:
    """Running statistics stay as they are: a deep plain net's variances pass float16's 65,504."""
    if tensor.dtype != "float32" or "running_" in name:
        return tensor
    import numpy as np

    with np.errstate(over="ignore"):
        half: np.ndarray = tensor.astype("float16", casting="same_kind")
    if not (abs(half) < float("inf")).all():
        raise RunError(f"{name} does not fit half precision")
    return half
