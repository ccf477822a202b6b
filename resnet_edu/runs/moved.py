"""A folder of photographs that was moved: a run keeps its place, which is no part of its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from resnet_edu.experiment import Experiment, ImageFolder
from resnet_edu.experiment.folder import DataMissing, fingerprint
from resnet_edu.host import expanded
from resnet_edu.runs import files
from resnet_edu.runs.files import RunError
from resnet_edu.runs.run import Run


def with_folder(run: Run, path: Path) -> Run:
    """The run with its photographs in the folder `path`, which experiment.json keeps.

    Raises `RunError` for a run on another kind of data, and `DataMissing` for a folder of other images.
    """
    images = run.experiment.data
    if not isinstance(images, ImageFolder):
        raise RunError(f"{run.name} was trained on {images.kind}; only a folder of images can be elsewhere")
    place = expanded(path).absolute()
    if (found := fingerprint(place)) != images.digest:
        other = f"its digest is {found}, expected {images.digest}"
        raise DataMissing(f"{place} holds other images than {run.name} was begun with: {other}")
    return placed(run, replace(run.experiment, data=replace(images, path=str(place))))


def placed(run: Run, experiment: Experiment) -> Run:
    """The run with its images where this equal experiment has them, if that folder is on this machine."""
    here, there = run.experiment.data, experiment.data
    if not (isinstance(here, ImageFolder) and isinstance(there, ImageFolder)):
        return run
    if here.path == there.path or not Path(there.path).is_dir():
        return run
    moved = replace(run.experiment, data=replace(here, path=there.path))
    files.replace_file(run.path / files.EXPERIMENT, moved.to_json().encode())
    return Run(run.path)
