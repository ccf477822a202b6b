"""What is measured of a net between two steps of its training: errors, and gradients block by block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from resnet_edu.data import DataSet, StreamedSet, normalise
from resnet_edu.measure import block_gradients, errors, ten_crop_error
from resnet_edu.nets import ResNet
from resnet_edu.randomness import generator_for
from resnet_edu.training.devices import autocast
from resnet_edu.training.schedule import evaluated_images

PROBE_IMAGES = 64
EVAL_BATCH = 500


def evaluation(net: ResNet, data: DataSet, batch: int, how: Mapping[str, Any], last: bool) -> dict[str, Any]:
    """Errors in % and losses in nats, of the first so many images; of all of them when it is the `last` one.
    `batch` images at a time are normalised by themselves for the error with batch statistics."""
    n_train = evaluated_images(len(data.train_labels), last=last)
    n_test = evaluated_images(len(data.test_labels), last=last)
    seen = data.train_images.narrow(0, 0, n_train), data.train_labels[:n_train]
    unseen = data.test_images.narrow(0, 0, n_test), data.test_labels[:n_test]
    with autocast(how):
        train_set = errors(net, data, *seen, batch=EVAL_BATCH)
        batchwise = errors(net, data, *seen, batch=batch, batch_statistics=True)
        test_set = errors(net, data, *unseen, batch=EVAL_BATCH)
        crops = ten_crop_error(net, data) if last and isinstance(data, StreamedSet) else None
    measured = {
        "images": n_train,
        "train_error": train_set.error,
        "train_error_batch": batchwise.error,
        "train_loss": train_set.loss,
        "test_error": test_set.error,
        "test_loss": test_set.loss,
    }
    return measured if crops is None else measured | {"test_error_10_crops": crops}


def gradients(net: ResNet, data: DataSet, memory_format: torch.memory_format) -> dict[str, Any]:
    """Norms of the loss's gradient at every block's output, and their correlation at nearby inputs."""
    inputs = normalise(data.train_images[:PROBE_IMAGES], data).contiguous(memory_format=memory_format)
    draws = generator_for(0, "nearby inputs")
    measured = block_gradients(net, inputs, data.train_labels[:PROBE_IMAGES], draws)
    return {"names": measured.names, "gradient": measured.gradient, "correlation": measured.correlation}
