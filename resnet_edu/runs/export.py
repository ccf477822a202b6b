"""Tables out of a run, for other programs; and a run made small enough to ship with the package."""

from __future__ import annotations

import shutil
from pathlib import Path

from resnet_edu.runs import files
from resnet_edu.runs.files import RunError
from resnet_edu.runs.run import Run

TABLES = ("steps", "evals", "layers", "blocks")
FORMATS = ("csv", "parquet")


def export(run: Run, folder: Path, form: str = "csv") -> list[Path]:
    """Write the run's tables as FOLDER/NAME-TABLE.csv (or .parquet); returns the files."""
    if form not in FORMATS:
        raise RunError(f"format is {form!r}; allowed: {', '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in TABLES:
        table, path = getattr(run, name)(), folder / f"{run.name}-{name}.{form}"
        table.to_csv(path, index=False) if form == "csv" else table.to_parquet(path, index=False)
        written.append(path)
    return written


def pack(run: Run, shelf: Path, *, weights: bool) -> Run:
    """Copy a finished run onto a shelf as Parquet tables, float32, and its weights in half precision.

    Raises `RunError` for a run that has not ended, or was trained from changed source files.
    """
    status = run.status()
    if not status.complete:
        raise RunError(f"{run.name} is {status.state}; only runs that have ended are packed")
    if str(run.how.get("commit") or "+").endswith("+"):
        raise RunError(f"{run.name} was trained from uncommitted source; commit, train again, then pack")
    target = shelf / run.name.split("~")[0]
    if target.exists():
        raise RunError(f"{target} exists; remove it first to replace it")
    target.mkdir(parents=True)
    for name in (files.EXPERIMENT, files.HOW, files.STATUS):
        shutil.copyfile(run.path / name, target / name)
    for name in TABLES:
        table = getattr(run, name)()
        floats = table.select_dtypes("float").columns
        smaller = table.astype(dict.fromkeys(floats, "float32") | {"step": "int32"})
        smaller.to_parquet(target / f"{name}.parquet", index=False, compression="zstd")
    if weights:
        _pack_weights(run, target)
    return Run(target)


def _pack_weights(run: Run, target: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    (target / files.WEIGHTS).mkdir()
    for step in run.weight_steps():
        tensors = run.weights(step)
        halves = {name: t.astype(np.float16) if t.dtype == np.float32 else t for name, t in tensors.items()}
        save_file(halves, files.weights_file(target, step))
