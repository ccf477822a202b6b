"""The registry of probes: questions that a trained net can be asked. `resnet_edu.probes` computes them.

The command line lists them from here, and the queue sends each to a worker of its speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Speed = Literal["quick", "slow", "long"]
Target = Literal["run", "net"]


@dataclass(frozen=True)
class Probe:
    """One question.

    - `name`: on the command line, in the queue and in the names of answers' folders.
    - `help`: what its answer says, for the command line.
    - `speed`: "quick" answers take up to a second; "slow" ones seconds; "long" ones minutes, they grow row
      by row and can be resumed.
    - `target`: "net" probes look at one image, so they take any net, torchvision's too; "run" probes need
      the run's data set.
    """

    name: str
    help: str
    speed: Speed = "quick"
    target: Target = "run"


_ALL = (
    Probe("saliency", "which pixels of one test image a class's score depends on", target="net"),
    Probe("images", "the first test images, and what the net says of them"),
    Probe("unit_shares", "how much of a class's score comes through each unit's branch", "slow", "net"),
    Probe(
        "sanity",
        "how much a saliency map depends on what was learned: weights randomised from the head down",
        "slow",
        "net",
    ),
    Probe("trust", "how well a saliency map foretells the score, and how it jumps", "slow", "net"),
    Probe("smoothness", "how alike the score's gradients are at an image and right beside it", "slow"),
    Probe("lesions", "error after deleting each unit in turn", "slow"),
    Probe("random_lesions", "error after deleting k units at random", "slow"),
    Probe("shuffles", "error after units of equal sizes have changed places at random", "slow"),
    Probe("lesion", "error after deleting, freezing, scaling and swapping the units you name, by class"),
    Probe("deepened", "loss and error of the net grown deeper by identity units"),
    Probe("contributions", "how much each unit's branch adds to what its shortcut carries"),
    Probe("expansion", "a few linearised units multiplied out into all their 2ⁿ paths"),
    Probe(
        "path_lengths", "how many paths of each length there are, and how much gradient they carry", "slow"
    ),
    Probe("layer_gradients", "norms of each layer's gradient, weight and update"),
    Probe("gradient_correlations", "how alike gradients are at nearby inputs, and between images", "slow"),
    Probe("jacobians", "how much a small change of the image grows on its way to each unit", "slow"),
    Probe("activations", "each ReLU's mean, spread and dead channels", "slow"),
    Probe("one_update", "one update in slow motion: how the gradient splits at every plus"),
    Probe("skip_dial", "gradients and error with α in front of the shortcuts"),
    Probe("fresh_profile", "the gradient along the net before its first step"),
    Probe("loss_plane", "the loss on a plane through the trained weights (Li 2018)", "long"),
    Probe("loss_line", "the loss on a line through the trained weights", "long"),
    Probe("loss_interpolation", "the loss from the initial weights to the trained ones", "long"),
)

PROBES: Mapping[str, Probe] = {probe.name: probe for probe in _ALL}
"""Every probe, by name. `test_every_probe` holds the bench's table of functions to it."""


def speed_of(name: str) -> Speed:
    """A name that is not in the registry counts as quick: its answer is an error, and that comes at once."""
    return PROBES[name].speed if name in PROBES else "quick"
