"""The files of a run: which names, which rows, and how they are read while another process writes.

| file                  | rows                                                              |
|-----------------------|-------------------------------------------------------------------|
| experiment.json       | what is trained                                                   |
| how.json              | device, precision, threads, versions, commit; the layers' names   |
| steps.jsonl           | one line a step: step, loss, lr, seconds                          |
| evals.jsonl           | one line an evaluation; errors in %                               |
| blocks.jsonl          | one line an evaluation: every block's gradient and correlation    |
| layers.f32            | float32 rows: step, then gradient, weight, update norm per layer  |
| weights/000240.safetensors | the net after so many steps                                  |
| checkpoint.safetensors | everything that resuming needs                                   |
| status.json, stop, lock | how far it is; a stop request; held by the process that writes  |

Beside the runs, .choices.json holds what was measured to choose how to compute.
A run that ships with the package has Parquet tables instead of the four row files.
"""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

EXPERIMENT, HOW, STATUS = "experiment.json", "how.json", "status.json"
STEPS, EVALS, BLOCKS, LAYERS = "steps.jsonl", "evals.jsonl", "blocks.jsonl", "layers.f32"
CHECKPOINT, WEIGHTS, PROBES, STOP, LOCK = "checkpoint.safetensors", "weights", "probes", "stop", "lock"
CHOICES = ".choices.json"
NORMS = ("gradient", "weight", "update")
Row = Mapping[str, object]
"""One line of a .jsonl file."""

_UMASK = os.umask(0)
os.umask(_UMASK)


class RunError(ValueError):
    """A run that is missing, damaged or busy; the message names the file and what helps."""


class RunBusy(RunError):
    """A run that another process is writing."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises `RunError` where it is missing, damaged or no plain file."""
    try:
        if path.exists() and not path.is_file():
            raise OSError("no plain file")  # a pipe or a device is never read to its end
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} is missing: this is no run, or not all of it was copied") from None
    except (ValueError, OSError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}); remove the run or copy it again") from None
    if not isinstance(data, dict):
        raise RunError(f"{path} must hold a JSON object")
    return data


def write_json(path: Path, data: Mapping[str, object]) -> None:
    replace_file(path, json.dumps(_without_nan(data), indent=1).encode())


def replace_file(path: Path, content: bytes) -> None:
    """Readers see the old file or the new one, never half of it, also after a power cut."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_UMASK)  # mkstemp's mode would lock out a shelf's other users
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """A NumPy archive of plain arrays (never pickled: `numpy.load` refuses those by default)."""
    import numpy as np

    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    replace_file(path, content.getvalue())


def weights_file(run: Path, step: int) -> Path:
    return run / WEIGHTS / f"{step:06d}.safetensors"


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    text = "".join(json.dumps(_without_nan(row), separators=(",", ":")) + "\n" for row in rows)
    with path.open("ab") as file:
        file.write(text.encode())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All whole lines; stops at the first that cannot be read: a torn tail, or a line being written."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            break
        rows.append(row)
    return rows


def keep_rows(path: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    """Drop the rows for which `keep(row)` is false, and the torn tail after them, if there is one."""
    if path.exists():
        rows = [row for row in read_rows(path) if keep(row)]
        text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        replace_file(path, text.encode())


def read_norms(path: Path, layers: int) -> np.ndarray:
    """Float32 array [rows, 1 + 3·layers]; an incomplete last row is left out."""
    import numpy as np

    width = 1 + len(NORMS) * layers
    if not path.exists():
        return np.empty((0, width), np.float32)
    content = path.read_bytes()
    flat = np.frombuffer(content, "<f4", len(content) // 4)
    return flat[: len(flat) // width * width].reshape(-1, width)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(inner) for inner in value]
    return value
