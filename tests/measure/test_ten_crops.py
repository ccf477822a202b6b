"""Ten crops are judged together, by the mean of what softmax says of each."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from resnet_edu.measure import ten_crop_error

COUNT, CLASSES = 7, 4


class Reader(nn.Module):
    """Its logits for a crop stand in the crop's first pixels; in training mode they are wrong."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0, :CLASSES] * (-1 if self.training else 1)


@pytest.fixture
def data():
    crops = torch.randint(256, (COUNT, 10, 3, 4, 4), generator=torch.Generator().manual_seed(0)).byte()
    crops[0, :, 0, 0] = torch.tensor([0, 20, 10, 0])  # nine crops are for class 1, one is all for class 0:
    crops[0, 7, 0, 0, 0] = 255  # the mean of the logits would follow the one
    labels = torch.tensor([1, 0, 1, 2, 3, 0, 1])
    images = SimpleNamespace(ten_crops=crops.tensor_split)
    return SimpleNamespace(
        test_images=images, test_labels=labels, mean=torch.zeros(3, 1, 1), scale=0.1, crops=crops
    )


@pytest.mark.parametrize("batch", [1, 2, 3, 50])
def test_it_is_a_loop_over_images_and_crops(data, batch):
    net, wrong = Reader().train(), []
    for crops, label in zip(data.crops, data.test_labels.tolist(), strict=True):
        means = torch.zeros(CLASSES)
        for crop in crops:
            means += (crop[0, 0] / 255 / 0.1).softmax(0) / 10
        wrong.append(means.argmax().item() != label)
    assert not wrong[0]
    assert 0 < sum(wrong) < COUNT
    assert ten_crop_error(net, data, batch=batch) == pytest.approx(100 * sum(wrong) / COUNT)
    assert net.training
