"""Descriptions: one frozen, validated `Experiment` is everything that decides a training. No torch here."""

from resnet_edu.experiment.data import Centre, Cifar10, Data, Digits, FashionMnist, ImageFolder, Jitter, View
from resnet_edu.experiment.experiment import (
    SCHEMA,
    Experiment,
    Plateau,
    Recipe,
    Schedule,
    Shares,
    settings_help,
)
from resnet_edu.experiment.names import name_of, named_net
from resnet_edu.experiment.net import Cifar, Dense, Imagenet, Net
from resnet_edu.experiment.parts import (
    NoShortcut,
    PadShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
    Shortcut,
)
from resnet_edu.experiment.spec import SpecError

__all__ = [
    "SCHEMA",
    "Centre",
    "Cifar",
    "Cifar10",
    "Data",
    "Dense",
    "Digits",
    "Experiment",
    "FashionMnist",
    "ImageFolder",
    "Imagenet",
    "Jitter",
    "Net",
    "NoShortcut",
    "PadShortcut",
    "Plateau",
    "ProjectionEverywhere",
    "ProjectionShortcut",
    "Recipe",
    "Schedule",
    "Shares",
    "Shortcut",
    "SpecError",
    "View",
    "name_of",
    "named_net",
    "settings_help",
]
