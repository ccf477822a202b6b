"""The way from the command to the optimiser's step, as `cli/train.py` describes it."""

import re
import traceback

from resnet_edu.cli import train as train_module
from resnet_edu.training.sgd import FusedSGD


def test_nine_frames_from_the_command_to_the_optimiser(train, monkeypatch):
    ways = set()
    step = FusedSGD.step

    def noted(self, lr):
        names = [frame.name for frame in traceback.extract_stack() if "/resnet_edu/" in frame.filename]
        ways.add((*names, "step"))
        step(self, lr)

    monkeypatch.setattr(FusedSGD, "step", noted)
    assert train("--device=cpu").code == 0
    described = [name.rpartition(".")[2] for name in re.findall(r"`([a-z_.]+)`", train_module.__doc__)]
    assert ways == {tuple(described[described.index("main") :])}
    assert len(ways.pop()) == 9
