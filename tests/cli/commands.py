"""Words that train a tiny net, and what an experiment becomes of other words."""

from __future__ import annotations

from resnet_edu.cli import parser
from resnet_edu.cli.train import experiment_of
from resnet_edu.experiment import Experiment

SMALL = ("--net=resnet-8", "--width=2", "--train=64", "--batch=16")


def described(*words: str) -> Experiment:
    return experiment_of(parser().parse_args(["train", *words]))
