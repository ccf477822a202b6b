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
| checksums.json        | of the four row files, up to the last checkpoint or the end        |
| status.json, stop, lock | how far it is; a stop request; held by the process that writes  |

Beside the runs, .choices.json holds what was measured to choose how to compute, and .queue the jobs.
A run that ships with the package has Parquet tables instead of the four row files.
"""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_edu.runs import checksums
from resnet_edu.runs.checksums import Checksum

if TYPE_CHECKING:
    import numpy as np

EXPERIMENT, HOW, STATUS = "experiment.json", "how.json", "status.json"
STEPS, EVALS, BLOCKS, LAYERS = "steps.jsonl", "evals.jsonl", "blocks.jsonl", "layers.f32"
TABLES = (STEPS, EVALS, BLOCKS, LAYERS)
CHECKPOINT, WEIGHTS, PROBES, STOP, LOCK = "checkpoint.safetensors", "weights", "probes", "stop", "lock"
CHECKSUMS, CHOICES, QUEUE = "checksums.json", ".choices.json", ".queue"
NORMS = ("gradient", "weight", "update")
Row = Mapping[str, object]
"""One line of a .jsonl file."""

REMEDY = "remove the run or copy it again"
_UMASK = os.umask(0)
os.umask(_UMASK)


class RunError(ValueError):
    """A run that is missing, damaged or busy; the message names the file and what helps."""


class RunBusy(RunError):
    """A run that another process is writing."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds the file's name to an error of the system that has none, such as that the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def read_bytes(path: Path) -> bytes:
    """The content of a plain file; a pipe or a device is never read to its end. Raises `OSError`."""
    if path.exists() and not path.is_file():
        raise OSError("no plain file")
    return path.read_bytes()


def read_json(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """The object in a JSON file; raises `RunError` where it is missing, damaged or no plain file. `remedy`
    ends the sentence about damage."""
    try:
        content = read_bytes(path)
        data = json.loads(content.decode())
        if checksums.is_flipped(content):
            raise ValueError("one of its bits has changed")
    except FileNotFoundError:
        raise RunError(f"{path} is missing: this is no run, or not all of it was copied") from None
    except (ValueError, OSError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}); {remedy}") from None
    if not isinstance(data, dict):
        raise RunError(f"{path} must hold a JSON object")
    data.pop(checksums.KEY, None)
    return data


def write_json(path: Path, data: Mapping[str, object]) -> None:
    replace_file(path, json.dumps(_without_nan(data), indent=1).encode())


def write_sealed(path: Path, data: Mapping[str, object]) -> None:
    """The same with a checksum, by which `read_json` finds a flipped bit."""
    replace_file(path, checksums.seal(json.dumps(_without_nan(data), indent=1).encode()))


def replace_file(path: Path, content: bytes) -> None:
    """Readers see the old file or the new one, never half of it, also after a power cut."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with naming(path), os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_UMASK)  # mkstemp's mode would lock out a shelf's other users
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> bytes:
    """A NumPy archive of plain arrays (never pickled: `numpy.load` refuses those by default); returns the
    file's content."""
    import numpy as np

    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    replace_file(path, content.getvalue())
    return content.getvalue()


def weights_file(run: Path, step: int) -> Path:
    return run / WEIGHTS / f"{step:06d}.safetensors"


def append(path: Path, content: bytes) -> None:
    with naming(path), path.open("ab") as file:
        file.write(content)


def sync(path: Path) -> None:
    """Returns once the file's content, if there is one, is on the disk."""
    if path.exists():
        with naming(path), path.open("rb+") as file:
            os.fsync(file.fileno())


def dump_rows(rows: Iterable[Row]) -> bytes:
    return "".join(json.dumps(_without_nan(row), separators=(",", ":")) + "\n" for row in rows).encode()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All whole lines. Leaves out a last line that cannot be read, which is torn or being written; any other
    is damage, and raises `RunError` with the line's number."""
    content, intact = _read_table(path)
    *lines, tail = content.split(b"\n")
    rows = []
    for number, line in enumerate(lines, 1):
        row = _row(line)
        if row is not None:
            rows.append(row)
        elif number < len(lines) or tail or not intact:
            raise RunError(f"{path}, line {number} is damaged; {REMEDY}")
    if not intact:
        raise _changed(path)
    return rows


def leading_rows(path: Path, keep: Callable[[dict[str, Any]], bool]) -> bytes:
    """The lines before the first row that `keep` refuses, as they are in the file."""
    count = sum(1 for _ in takewhile(keep, read_rows(path)))
    return b"".join(line + b"\n" for line in read_bytes(path).split(b"\n")[:count]) if count else b""


def read_norms(path: Path, layers: int) -> np.ndarray:
    """Float32 array [rows, 1 + 3·layers]; an incomplete last row is left out. Damage raises `RunError`."""
    import numpy as np

    width = 1 + len(NORMS) * layers
    content, intact = _read_table(path)
    flat = np.frombuffer(content, "<f4", len(content) // 4)
    rows = flat[: len(flat) // width * width].reshape(-1, width)
    if not intact:
        raise _changed(path)
    with np.errstate(invalid="ignore"):
        steps, low = rows[:, 0], rows[:-1, 0]
        whole = (steps >= 0) & (steps < 2**53) & (steps % 1 == 0)
    if not whole.all() or (steps[1:] < low).any():
        why = f"its steps are no rising whole numbers with the layers that {HOW} names"
        raise RunError(f"{path} is damaged ({why}); {REMEDY}")
    return rows


def read_checksums(folder: Path) -> dict[str, Checksum]:
    """Of the tables of the run in `folder`, by name; none where an older version wrote the run."""
    path = folder / CHECKSUMS
    if not path.exists():
        return {}
    found = read_json(path)
    try:
        return {name: Checksum(int(each["length"]), int(each["crc32"])) for name, each in found.items()}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RunError(f"{path} is damaged ({error!r}); {REMEDY}") from None


def _read_table(path: Path) -> tuple[bytes, bool]:
    """Its content, and whether that starts as the table's checksum says."""
    known = read_checksums(path.parent).get(path.name)
    while True:
        try:
            content = read_bytes(path) if path.exists() else b""
        except OSError as error:
            raise RunError(f"{path} cannot be read ({error}); {REMEDY}") from None
        if known is None or known.fits(content):
            return content, True
        before, known = known, read_checksums(path.parent).get(path.name)
        if known == before:  # else a writer has cut the table just now, to resume the run
            return content, False


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and type(row.get("step")) is int else None


def _changed(path: Path) -> RunError:
    return RunError(f"{path} is damaged: it has changed since it was written ({CHECKSUMS}); {REMEDY}")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(inner) for inner in value]
    return value
