"""Units that do not learn: they keep the weights that they began with, while all others are trained."""

from __future__ import annotations

from resnet_edu.experiment import Experiment
from resnet_edu.nets import ResNet, surgery
from resnet_edu.randomness import seed_for


def frozen_units(net: ResNet, experiment: Experiment) -> list[str]:
    """Names of the units that the experiment freezes; its seed chooses, so twins freeze the same ones."""
    return surgery.random_units(net, experiment.recipe.frozen, seed=seed_for(experiment.seed, "frozen"))


def freeze_units(net: ResNet, experiment: Experiment) -> None:
    """Take these units' parameters out of the training, weight decay included. Their batch norms go on
    measuring the statistics that evaluations need: nothing of that is learnt."""
    units = dict(net.units())
    for name in frozen_units(net, experiment):
        units[name].requires_grad_(False)
