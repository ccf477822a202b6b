"""Load the net that a probe measures: a run's at any step with kept weights, torchvision's, or a fresh one.

Nets and data sets are cached, so a warm worker answers a second question at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

import torch
from torch import Tensor, nn

from resnet_edu import data, nets
from resnet_edu.experiment import Data, Experiment
from resnet_edu.experiment.fresh import FRESH, fresh_experiment
from resnet_edu.nets import ResNet
from resnet_edu.probes.fresh import check_size
from resnet_edu.runs import Run

TORCHVISION = "torchvision:"
CALIBRATION_IMAGES = 256  # images


def source_of(
    source: Run | str, step: int | None = None, *, own_picture: bool = False
) -> tuple[ResNet, data.DataSet, int | None]:
    """The net in eval mode, the data set that it was trained on, and its training step.

    A probe of an `own_picture` needs no image of the data set: where the set is missing, its statistics are
    enough. torchvision's nets come without images and without steps. Raises `ValueError` for a step without
    kept weights and for unknown names, and as `nets.weights.official` and `data.load` do.
    """
    if isinstance(source, Run):
        step = _checked(source, step)
        images = _images(source.experiment.data, needed=not own_picture)
        return net_of(source, step), images, step
    if source.startswith(FRESH):
        return _fresh(source, step)
    if not source.startswith(TORCHVISION):
        allowed = f"a run, {TORCHVISION}resnet-50 and its like, or {FRESH}net=resnet-20 and its like"
        raise ValueError(f"source is {source!r}; allowed: {allowed}")
    if step is not None:
        raise ValueError(f"step is {step!r}; {source} kept no steps: leave it out")
    return _official(source.removeprefix(TORCHVISION)), _imagenet(), None


def _fresh(source: str, step: int | None) -> tuple[ResNet, data.DataSet, int]:
    experiment = fresh_experiment(source)
    if step not in (None, 0):
        raise ValueError(f"step is {step!r}; a fresh net has step 0 only")
    images = _loaded(experiment.data)
    check_size(experiment.net, images)
    return _net(FRESH, experiment, 0), images, 0


def net_of(run: Run, step: int | None = None) -> ResNet:
    """The run's net after `step` steps (by default the last kept weights), in eval mode.

    At step 0 running statistics are still 0 and 1, which no net in training ever uses: so they are
    recalibrated on 256 training images under the initial weights.
    """
    return _net(str(run.path), run.experiment, _checked(run, step))


def recalibrate_batchnorm(net: nn.Module, parts: Iterable[nn.Module], inputs: Tensor) -> None:
    """Set the running statistics of the batch norms in `parts` of `net` to those of inputs [N, C, H, W]."""
    norms = [m for part in parts for m in part.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0  # this batch alone, nothing of earlier ones
    try:
        with torch.no_grad():
            net(inputs)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.eval()
            norm.momentum = momentum


def first_inputs(images: data.DataSet, count: int) -> Tensor:
    """The first `count` training images, normalised."""
    return data.normalise(images.train_images[:count], images)


def _checked(run: Run, step: int | None) -> int:
    kept = run.weight_steps()
    if step is None and kept:
        return kept[-1]
    if step is None:
        run.weights()  # raises, and names what is missing
    if type(step) is not int or step not in {0, *kept}:
        known = ", ".join(map(str, sorted({0, *kept})))
        raise ValueError(f"step is {step!r}; {run.name} has weights at step {known}")
    return step


@lru_cache(4)
def _loaded(spec: Data) -> data.DataSet:
    return data.load(spec)


def _images(spec: Data, *, needed: bool) -> data.DataSet:
    """The data set; its statistics alone if it is missing and no image is `needed`."""
    try:
        return _loaded(spec)
    except data.DataMissing:
        if needed:
            raise
        with suppress(data.DataMissing):  # the first message names better what is missing
            return data.without_images(spec)
        raise


@lru_cache(16)
def _net(path: str, experiment: Experiment, step: int) -> ResNet:
    images = _images(experiment.data, needed=step == 0)
    sizes = {"channels": images.channels, "side": images.side, "classes": images.classes}
    net = nets.build(experiment.net, **sizes, seed=experiment.seed).eval()
    if step == 0:
        recalibrate_batchnorm(net, [net], first_inputs(images, CALIBRATION_IMAGES))
        return net
    own = net.state_dict()
    weights = Run(path).weights(step)
    net.load_state_dict({name: torch.from_numpy(array).to(own[name]) for name, array in weights.items()})
    return net


@lru_cache(2)
def _official(name: str) -> ResNet:
    from resnet_edu.nets.weights import official

    return official(name)


@lru_cache(1)
def _imagenet() -> data.DataSet:
    """ImageNet's classes and statistics, without any image."""
    from torchvision.models import ResNet50_Weights

    weights = ResNet50_Weights.IMAGENET1K_V1
    look = weights.transforms()
    none, labels = torch.empty(0, 3, 224, 224, dtype=torch.uint8), torch.empty(0, dtype=torch.int64)
    mean, scale = (torch.tensor(numbers).view(3, 1, 1) for numbers in (look.mean, look.std))
    return data.DataSet(none, labels, none, labels, tuple(weights.meta["categories"]), mean, scale)
