"""The skip dial, y = f(α · h(x) + F(x)): is it the shortcut that carries the gradient? Turn it down."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from torch import Tensor, nn

from resnet_edu import measure
from resnet_edu.data import DataSet, normalise
from resnet_edu.experiment import name_of
from resnet_edu.nets import ResNet
from resnet_edu.probes.arguments import base_facts, check_int, check_units, first_images
from resnet_edu.probes.sources import CALIBRATION_IMAGES, first_inputs, recalibrate_batchnorm
from resnet_edu.randomness import generator_for
from resnet_edu.runs.answers import ProbeAnswer

GRID = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
MOST_ALPHAS = 12
EVALUATED = 500  # images at once


def skip_dial(
    net: ResNet,
    data: DataSet,
    *,
    alphas: Sequence[float] | float = GRID,
    units: Sequence[str] | str = (),
    images: int = 64,
    tested: int = 300,
    seed: int = 0,
) -> ProbeAnswer:
    """The net with α in front of units' shortcuts, for each α: real forward and backward passes.

    alphas  one number or a rising list of up to 12, each 0 … 1; 1 is the net as it is, 0 its plain twin
    units   names of the units that are dialled; none means all
    images  how many of the first training images the gradients are of
    tested  how many of the first test images `error` and `loss` are of
    seed    of the move by 1 % that `correlation` compares with

    Arrays: `alphas` [A], `layer` names [L], `name` of the units [U]; `weight_gradient` [A, L], the L2 norm of
    each layer's weight gradient; `activation_gradient` [A, U], that of the gradient at each unit's output,
    and `correlation` [A, U], its mean cosine with the gradient at an input moved by 1 % (−1 … 1);
    `batch_loss` [A], in nats, of the same images. `error` [A] in % and `loss` [A] in nats are of the test
    images.

    Gradients are those of training: batch norms use the statistics of the batch. For the error they are
    recalibrated at each α, on 256 training images, since those of α = 1 do not fit; facts
    `gradient_statistics` and `error_statistics` say so. α multiplies the shortcut's term of the sum, gates
    and factors included. Raises `ValueError` for plain nets, which have no shortcut.
    """
    if net.spec.plain:
        raise ValueError(f"{name_of(net.spec)} is plain: it has no shortcuts to turn down")
    turned, dialled = _alphas(alphas), check_units("units", units, net)
    check_int("tested", tested, 2)
    shown, labels = first_images(data, images, "train")
    test_images, truth = first_images(data, tested, "test")
    inputs, calibration = normalise(shown, data), first_inputs(data, CALIBRATION_IMAGES)
    draws = check_int("seed", seed, 0)
    profiles, scores = [], []
    with measure.preserve_bn_stats(net, training=True):  # restores the recalibrated statistics
        net.eval()
        for alpha in turned:
            with turned_down(net, alpha, dialled):
                nearby = generator_for(draws, "nearby inputs")
                profiles.append(measure.gradient_profile(net, inputs, labels, nearby))
                recalibrate_batchnorm(net, [net], calibration)
                scores.append(measure.errors(net, data, test_images, truth, batch=EVALUATED))
    facts = base_facts(net, len(labels), "train") | {
        "dialled": dialled,
        "tested": len(truth),
        "moved_by": measure.NEARBY,
        "seed": draws,
        "gradient_statistics": "batch",
        "error_statistics": "recalibrated",
        "recalibrated_on": len(calibration),
    }
    return ProbeAnswer(
        facts,
        {
            "alphas": np.array(turned),
            **measure.profile_columns(net, profiles),
            "batch_loss": np.array([each.loss for each in profiles]),
            "error": np.array([each.error for each in scores]),
            "loss": np.array([each.loss for each in scores]),
        },
    )


@contextmanager
def turned_down(net: ResNet, alpha: float, names: Sequence[str] = ()) -> Iterator[None]:
    """Meanwhile these units' shortcuts (all units' without names) are multiplied by α where they meet the
    branch. At α = 1 not a bit changes."""

    def scale(module: nn.Module, terms: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        shortcut, branch = terms
        return alpha * shortcut, branch

    with ExitStack() as hooks:
        for name, unit in net.units():
            if unit.shortcut is not None and (not names or name in names):
                hooks.enter_context(unit.add.register_forward_pre_hook(scale))
        yield


def _alphas(value: Any) -> list[float]:
    listed = [value] if isinstance(value, int | float) else value
    allowed = f"one number or a rising list of up to {MOST_ALPHAS}, each 0 … 1"
    sound = (
        isinstance(listed, (list, tuple))
        and 1 <= len(listed) <= MOST_ALPHAS
        and all(isinstance(each, int | float) and not isinstance(each, bool) for each in listed)
        and all(0 <= each <= 1 for each in listed)
        and all(low < high for low, high in itertools.pairwise(listed))
    )
    if not sound:
        raise ValueError(f"alphas is {value!r}; allowed: {allowed}")
    return [float(each) for each in listed]
