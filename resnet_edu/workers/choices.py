"""How this machine computes fastest: measured once, and kept in the user's cache folder for all shelves."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from resnet_edu import training
from resnet_edu.experiment import Experiment
from resnet_edu.host import cache_folder
from resnet_edu.runs import ComputeConfig, ComputeRequest, RunError, files
from resnet_edu.training.choosing import WORTH_MEASURING, Timed


class ImageShape(NamedTuple):
    """What a net is built for."""

    channels: int
    side: int
    classes: int


def cache_file() -> Path:
    return cache_folder() / "choices.json"


def choose(
    experiment: Experiment, request: ComputeRequest, shape: ImageShape, path: Path | None = None
) -> ComputeConfig:
    """`training.choose` with what was measured on this machine before; keeps new measurements.

    One process measures while the others wait: they would disturb it, and use its result. A cache that
    cannot be read or written is ignored.

    - `request`: device, threads and compilation; the device must be here.
    - `shape`: of the images, and the number of classes.
    - `path`: the file of measurements; by default in the user's cache folder.
    """
    if experiment.recipe.steps < WORTH_MEASURING:
        return _choose(experiment, request, shape, None)
    path = path or cache_file()
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(path.with_suffix(".lock")))
        known = _read(path)
        chosen = _choose(experiment, request, shape, known)
        with contextlib.suppress(OSError):
            files.write_json(path, known)
    return chosen


def _choose(
    experiment: Experiment, request: ComputeRequest, shape: ImageShape, known: dict[str, Timed] | None
) -> ComputeConfig:
    chosen = training.choose(
        experiment,
        channels=shape.channels,
        side=shape.side,
        classes=shape.classes,
        device=request.device,
        threads=request.threads,
        compile=request.compile,
        known=known,
    )
    return ComputeConfig.from_dict(chosen.to_dict())


def _read(path: Path) -> dict[str, Timed]:
    """What is damaged, or no measurement, is measured again."""
    try:
        cached = files.read_json(path) if path.exists() else {}
    except (RunError, OSError):
        return {}
    return {key: timed for key, timed in cached.items() if _valid(timed)}


def _valid(timed: Any) -> bool:
    return isinstance(timed, dict) and all(isinstance(value, int | float) for value in timed.values())
