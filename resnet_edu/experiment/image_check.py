"""Whether photographs can be decoded, checked before a training that would meet a broken one hours later."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from resnet_edu.experiment.image_reading import open_upright

CHUNK = 500  # images between two reports; the pool keeps all tasks of one call in memory
OnProgress = Callable[[int, int], None]
"""Called with the numbers of images that are checked, and of all."""


def unreadable(
    root: Path, names: Sequence[str], on_progress: OnProgress = lambda done, of: None
) -> list[str]:
    """The images below `root` that cannot be decoded, each with the reason in brackets. A JPEG is decoded at
    ⅛ of its size, which reads all of the file."""
    found: list[str] = []
    with ThreadPoolExecutor() as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd metadata
        for first in range(0, len(names), CHUNK):
            chunk = [root / name for name in names[first : first + CHUNK]]
            found += filter(None, pool.map(_problem, chunk))
            on_progress(first + len(chunk), len(names))
    return found


def _problem(path: Path) -> str | None:
    try:
        open_upright(path, 1)
    except Exception as error:  # decoders raise many kinds of errors for broken files
        return f"{path} ({error})"
    return None
