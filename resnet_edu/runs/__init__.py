"""Runs on disk: written as they train, readable meanwhile, resumable; tables out. No torch here."""

from resnet_edu.runs.compute import ComputeConfig, ComputeRequest, RecordingConfig
from resnet_edu.runs.export import export, pack
from resnet_edu.runs.files import RunBusy, RunError
from resnet_edu.runs.moved import with_folder
from resnet_edu.runs.progress import Progress, progress
from resnet_edu.runs.run import Run
from resnet_edu.runs.shelf import Shelf, default_shelf, recorded
from resnet_edu.runs.status import Status
from resnet_edu.runs.writer import RunWriter

load = Run

__all__ = [
    "ComputeConfig",
    "ComputeRequest",
    "Progress",
    "RecordingConfig",
    "Run",
    "RunBusy",
    "RunError",
    "RunWriter",
    "Shelf",
    "Status",
    "default_shelf",
    "export",
    "load",
    "pack",
    "progress",
    "recorded",
    "with_folder",
]
