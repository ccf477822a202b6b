"""How this machine computes best: measured once, and kept in the user's cache folder for all shelves."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from filelock import FileLock

from resnet_edu import training
from resnet_edu.experiment import Experiment
from resnet_edu.host import cache_folder
from resnet_edu.runs import RunError, files
from resnet_edu.training.choosing import WORTH_MEASURING, Timed


def place() -> Path:
    return cache_folder() / "choices.json"


def choose(experiment: Experiment, path: Path | None = None, **asked: Any) -> dict[str, Any]:
    """`training.choose`, which looks up what was measured here before, or wherever `path` was written.

    One process measures while the others wait: they would disturb it, and are to be told the same.
    A cache that cannot be read or written is done without.
    """
    if experiment.recipe.steps < WORTH_MEASURING:
        return training.choose(experiment, **asked).to_dict()
    path = path or place()
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(path.with_suffix(".lock")))
        known = _read(path)
        how = training.choose(experiment, **asked, known=known).to_dict()
        with contextlib.suppress(OSError):
            files.write_json(path, known)
    return how


def _read(path: Path) -> dict[str, Timed]:
    """What is damaged, or no measurement, is measured anew."""
    try:
        said = files.read_json(path) if path.exists() else {}
    except (RunError, OSError):
        return {}
    return {key: timed for key, timed in said.items() if _sound(timed)}


def _sound(timed: Any) -> bool:
    return isinstance(timed, dict) and all(isinstance(value, int | float) for value in timed.values())
