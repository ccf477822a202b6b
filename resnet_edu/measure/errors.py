"""Error and loss over many images, with running or batch statistics; the net does not change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.data import DataSet, Images, StreamedSet, normalise
from resnet_edu.nets import stochastic_modules


@dataclass(frozen=True)
class Errors:
    """`error`: share of wrongly classified images, in %; `loss`: mean cross-entropy, in nats."""

    error: float
    loss: float


@contextmanager
def preserve_bn_stats(net: nn.Module, *, training: bool) -> Iterator[None]:
    """Run the net in train or eval mode, then restore mode and running statistics, after an exception too.

    Dropout and stochastic depth stay in eval mode.
    """
    was_training = net.training
    buffers = [(buffer, buffer.clone()) for buffer in net.buffers()] if training else []
    net.train(training)
    for module in stochastic_modules(net):
        module.eval()  # measure the expected net, not one random draw
    try:
        yield
    finally:
        net.train(was_training)
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


@torch.no_grad()
def errors(
    net: nn.Module,
    data: DataSet,
    images: Images,
    labels: Tensor,
    *,
    batch: int,
    batch_statistics: bool = False,
) -> Errors:
    """Error and loss of the net on `images`.

    net               the net; its statistics and mode do not change
    data              gives mean and scale to normalise with
    images            uint8 [N, C, H, W]
    labels            int64 [N]
    batch             images per forward pass, about
    batch_statistics  normalise each batch by its own mean and variance, as in training; lagging running
                      statistics can look like degradation, which comparing the two errors reveals
    """
    pieces = _pieces(len(labels), batch)
    wrong = torch.zeros((), dtype=torch.long, device=labels.device)
    total = torch.zeros((), dtype=torch.float64, device="cpu")
    with preserve_bn_stats(net, training=batch_statistics):
        for some, truth in zip(images.tensor_split(pieces), labels.tensor_split(pieces), strict=True):
            logits = net(normalise(some, data)).float()
            wrong += (logits.argmax(1) != truth).sum()
            total += F.cross_entropy(logits, truth, reduction="sum").cpu()
    return Errors(100 * wrong.item() / len(labels), total.item() / len(labels))


@torch.no_grad()
def ten_crop_error(net: nn.Module, data: StreamedSet, *, batch: int = 50) -> float:
    """Share of wrongly classified test photographs, in %, by the mean softmax over ten crops: the
    corners, the centre, and their mirror images (Krizhevsky 2012 §4.1; He 2015 §3.4)."""
    wrong = 0
    pieces = _pieces(len(data.test_labels), batch)
    with preserve_bn_stats(net, training=False):
        for crops, truth in zip(
            data.test_images.ten_crops(pieces), data.test_labels.tensor_split(pieces), strict=True
        ):
            probabilities = net(normalise(crops.flatten(0, 1), data)).float().softmax(1)
            wrong += int((probabilities.view(len(truth), 10, -1).mean(1).argmax(1) != truth).sum())
    return 100 * wrong / len(data.test_labels)


def _pieces(count: int, size: int) -> int:
    """Number of pieces of about `size`. `tensor_split` makes them even, since a small rest would have noisy
    batch statistics; each has at least two images, since one image has no variance."""
    return max(1, min(round(count / size), count // 2))
