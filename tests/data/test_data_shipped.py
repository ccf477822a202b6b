"""What nets expect of a picture where their data set is missing."""

from __future__ import annotations

import pytest
import torch

from resnet_edu import data
from resnet_edu.data.shipped import SHIPPED, without_images
from resnet_edu.experiment import Cifar10
from resnet_edu.runs import recorded


@pytest.mark.parametrize("spec", SHIPPED, ids=str)
def test_the_shipped_statistics_are_those_of_the_images(spec):
    shipped = without_images(spec)
    assert len(shipped.train_images) == len(shipped.test_labels) == 0
    try:
        images = data.load(spec)
    except data.DataMissing:
        pytest.skip("CIFAR-10 is not on this machine")
    assert torch.equal(shipped.mean, images.mean)
    assert (shipped.scale, shipped.class_names) == (images.scale, images.class_names)


def test_they_ship_for_every_recorded_net_with_weights_whose_images_do_not():
    needed = {run.experiment.data for run in recorded().runs() if run.weight_steps()}
    assert {spec for spec in needed if spec.kind != "digits"} <= set(SHIPPED)


def test_of_other_data_sets_the_message_says_what_is_missing():
    with pytest.raises(data.DataMissing, match=r"^cifar10: neither the images nor"):
        without_images(Cifar10(train=7))
