"""A run as one string of bytes: to another machine, and back onto the shelf it came from.

Nothing is taken out of a parcel but files that a run has, under the names that they have there; so
nothing lands anywhere else, whatever the parcel says.
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
from resnet_edu.runs.run import Run, Status

ROWS = (files.EXPERIMENT, files.HOW, files.STATUS, files.STEPS, files.EVALS, files.BLOCKS, files.LAYERS)
_NAMES = re.compile(
    "|".join(map(re.escape, (*ROWS, files.CHECKPOINT))) + r"|weights/[0-9]{6,12}\.safetensors"
)
MOST_BYTES = 4_000_000_000
TRAINED = ("stopped", "done", "diverged", "failed")


def wrap(run: Run, *, weights: bool) -> bytes:
    """The run's rows, checkpoint and status; with the kept `weights` too, or without."""
    kept = [files.weights_file(run.path, step) for step in run.weight_steps()] if weights else []
    found = [run.path / name for name in (*ROWS, files.CHECKPOINT) if (run.path / name).exists()]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in (*found, *kept):
            packed = zipfile.ZIP_STORED if path.suffix == ".safetensors" else zipfile.ZIP_DEFLATED
            archive.writestr(path.relative_to(run.path).as_posix(), path.read_bytes(), packed)
    return content.getvalue()


def unwrap(parcel: bytes) -> dict[str, bytes]:
    """Name → content, each name that of a run's file. Raises `RunError` for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(parcel)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise RunError(f"a parcel holds more than {MOST_BYTES / 1e9:g} GB")
            for entry in entries:
                if not _NAMES.fullmatch(entry.filename):
                    raise RunError(f"a parcel holds {entry.filename!r}, which is no file of a run")
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error) as error:
        raise RunError(f"a parcel is damaged ({error})") from None


def lay_out(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write the files as one who trains does, the checkpoint after the rows that belong to it: if this
    breaks off, the run can still be resumed."""
    for name in sorted(contents, key=lambda name: name == files.CHECKPOINT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        files.replace_file(folder / name, contents[name])


def status_in(contents: Mapping[str, bytes], steps: int) -> Status:
    """How far the run was when it was wrapped. Raises `RunError` where the parcel says nothing sound."""
    try:
        said = json.loads(contents[files.STATUS])
        found = Status(said["state"], int(said["step"]), steps, float(said["seconds"]), str(said["message"]))
        if found.state in TRAINED and 0 <= found.step <= steps:
            return found
    except (KeyError, TypeError, ValueError, RecursionError):
        pass
    raise RunError("a parcel does not say how far its run is") from None
