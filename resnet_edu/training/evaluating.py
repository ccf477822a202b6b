"""Measurements between two steps of a training: errors, and gradients by unit."""

from __future__ import annotations

import torch

from resnet_edu.data import DataSet, StreamedSet, normalise
from resnet_edu.measure import block_gradients, errors, ten_crop_error
from resnet_edu.nets import ResNet
from resnet_edu.randomness import generator_for
from resnet_edu.training.chunk import EvalRow, UnitRow
from resnet_edu.training.compute import ComputeChoice
from resnet_edu.training.devices import autocast
from resnet_edu.training.recording import evaluated_images

PROBE_IMAGES = 64
EVAL_BATCH = 500


def evaluate(
    net: ResNet, data: DataSet, compute: ComputeChoice, step: int, *, batch: int, last: bool
) -> EvalRow:
    """Errors and losses.

    net      the net; its mode and statistics do not change
    data     its training and test images
    compute  precision and device
    step     steps done so far
    batch    images per batch for the error with batch statistics: the recipe's
    last     evaluate all images, not only the first ones (`evaluated_images`)
    """
    n_train = evaluated_images(len(data.train_labels), last=last)
    n_test = evaluated_images(len(data.test_labels), last=last)
    train = data.train_images.narrow(0, 0, n_train), data.train_labels[:n_train]
    test = data.test_images.narrow(0, 0, n_test), data.test_labels[:n_test]
    with autocast(compute):
        train_set = errors(net, data, *train, batch=EVAL_BATCH)
        batchwise = errors(net, data, *train, batch=batch, batch_statistics=True)
        test_set = errors(net, data, *test, batch=EVAL_BATCH)
        crops = ten_crop_error(net, data) if last and isinstance(data, StreamedSet) else None
    return EvalRow(
        step=step,
        images=n_train,
        train_error=train_set.error,
        train_error_batch=batchwise.error,
        train_loss=train_set.loss,
        test_error=test_set.error,
        test_loss=test_set.loss,
        test_error_10_crops=crops,
    )


def unit_gradients(net: ResNet, data: DataSet, memory_format: torch.memory_format, step: int) -> UnitRow:
    """Gradient norms at every unit's output, and correlations at nearby inputs, on the first 64 images."""
    inputs = normalise(data.train_images[:PROBE_IMAGES], data).contiguous(memory_format=memory_format)
    generator = generator_for(0, "nearby inputs")
    measured = block_gradients(net, inputs, data.train_labels[:PROBE_IMAGES], generator)
    return UnitRow(step, measured.names, measured.gradient, measured.correlation)
