"""`train(experiment, …)` yields blocks of steps as arrays; it knows neither screen nor file."""

from resnet_edu.training.choosing import WORTH_MEASURING, choose
from resnet_edu.training.devices import DeviceError, apply
from resnet_edu.training.diagnosis import Divergence
from resnet_edu.training.loop import Block, follow, train
from resnet_edu.training.schedule import Recording

__all__ = [
    "WORTH_MEASURING",
    "Block",
    "DeviceError",
    "Divergence",
    "Recording",
    "apply",
    "choose",
    "follow",
    "train",
]
