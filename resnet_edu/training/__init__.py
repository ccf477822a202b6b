"""`train(experiment, data, compute)` yields chunks of steps; it knows neither screens nor files."""

from resnet_edu.training.choosing import WORTH_MEASURING, choose
from resnet_edu.training.chunk import Checkpoint, EvalRow, StepChunk, StepRow, UnitRow
from resnet_edu.training.compute import ComputeChoice
from resnet_edu.training.devices import DeviceError, configure_torch
from resnet_edu.training.diagnosis import Divergence
from resnet_edu.training.loop import follow, train
from resnet_edu.training.recording import Recording

__all__ = [
    "WORTH_MEASURING",
    "Checkpoint",
    "ComputeChoice",
    "DeviceError",
    "Divergence",
    "EvalRow",
    "Recording",
    "StepChunk",
    "StepRow",
    "UnitRow",
    "choose",
    "configure_torch",
    "follow",
    "train",
]
