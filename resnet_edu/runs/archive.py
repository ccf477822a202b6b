"""A run as one zip archive in memory: to another machine, and back onto the shelf it came from.

Only files that a run has, under the names that they have there, are extracted; so an archive writes
nothing outside the run's folder, whatever it contains.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from resnet_edu.runs import files
from resnet_edu.runs.files import RunError
from resnet_edu.runs.run import Run
from resnet_edu.runs.status import Status

ROWS = (files.EXPERIMENT, files.HOW, files.STATUS, *files.TABLES, files.CHECKSUMS)
_NAMES = re.compile(
    "|".join(map(re.escape, (*ROWS, files.CHECKPOINT))) + r"|weights/[0-9]{6,12}\.safetensors"
)
MOST_BYTES = 4_000_000_000
TRAINED = ("stopped", "done", "diverged", "failed")


def pack(run: Run, *, weights: bool) -> bytes:
    """The run's rows, checkpoint and status; with the kept `weights` too, or without."""
    kept = [files.weights_file(run.path, step) for step in run.weight_steps()] if weights else []
    found = [run.path / name for name in (*ROWS, files.CHECKPOINT) if (run.path / name).exists()]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in (*found, *kept):
            packed = zipfile.ZIP_STORED if path.suffix == ".safetensors" else zipfile.ZIP_DEFLATED
            archive.writestr(path.relative_to(run.path).as_posix(), path.read_bytes(), packed)
    return content.getvalue()


def unpack(content: bytes) -> dict[str, bytes]:
    """Name → content, each name that of a run's file. Raises `RunError` for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise RunError(f"a run's archive holds more than {MOST_BYTES / 1e9:g} GB")
            for entry in entries:
                if not _NAMES.fullmatch(entry.filename):
                    raise RunError(f"a run's archive holds {entry.filename!r}, which is no file of a run")
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error) as error:
        raise RunError(f"a run's archive is damaged ({error})") from None


def extract(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write the files in the order in which a training does, checksums and checkpoint after the rows that
    belong to them: if the process dies in between, the run can still be resumed."""
    last = files.CHECKSUMS, files.CHECKPOINT
    for name in sorted(contents, key=lambda name: last.index(name) if name in last else -1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        files.replace_file(folder / name, contents[name])


def status_in(contents: Mapping[str, bytes], steps: int) -> Status:
    """How far the run was when it was packed. Raises `RunError` where the archive has no valid status."""
    try:
        said = json.loads(contents[files.STATUS])
        found = Status.from_dict(said if isinstance(said, dict) else {}, steps, "a run's archive")
        if found.state in TRAINED:
            return found
    except (KeyError, ValueError, RecursionError):
        pass
    raise RunError("a run's archive does not say how far the run is") from None
