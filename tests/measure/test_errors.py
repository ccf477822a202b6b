"""Error and loss against a loop, and that nobody can tell that they were measured."""

import copy

import pytest
import torch
import torch.nn.functional as F

from resnet_edu import nets
from resnet_edu.data import normalise
from resnet_edu.experiment import Dense
from resnet_edu.measure import errors, preserve_bn_stats


def by_hand(net, digits, count, sizes=None):
    """One image at a time in eval mode; or pieces of these sizes, each with its own statistics."""
    twin = copy.deepcopy(net).train(sizes is not None)
    wrong, total, first = 0, 0.0, 0
    for size in sizes or [1] * count:
        some = slice(first, first + size)
        with torch.no_grad():
            logits = twin(normalise(digits.train_images[some], digits)).double()
        for row, label in zip(logits, digits.train_labels[some].tolist(), strict=True):
            wrong += int(row.argmax()) != label
            total -= F.log_softmax(row, 0)[label].item()
        first += size
    assert first == count
    return 100 * wrong / count, total / count


def snapshot(net):
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def unchanged(net, before):
    return all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("batch", [200, 64, 7, 1000])
def test_errors_are_those_of_a_loop(net, digits, batch):
    found = errors(net, digits, digits.train_images, digits.train_labels, batch=batch)
    error, loss = by_hand(net, digits, 200)
    assert found.error == pytest.approx(error)
    assert found.loss == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize(
    ("count", "batch", "sizes"),
    [
        (200, 64, [67, 67, 66]),
        (200, 100, [100, 100]),
        (199, 100, [100, 99]),
        (140, 100, [140]),
        (200, 1000, [200]),
        (10, 4, [5, 5]),
    ],
)
def test_batch_statistics_are_each_batch_s_own(net, digits, count, batch, sizes):
    images, labels = digits.train_images[:count], digits.train_labels[:count]
    found = errors(net, digits, images, labels, batch=batch, batch_statistics=True)
    error, loss = by_hand(net, digits, count, sizes)
    assert found.error == pytest.approx(error)
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert found != errors(net, digits, images, labels, batch=batch)


@pytest.mark.parametrize("count", range(2, 12))
@pytest.mark.parametrize("batch", [2, 3])
def test_no_image_is_normalised_by_itself(digits, count, batch):
    net = nets.build(Dense(depth=4, width=3), channels=1, side=8, classes=10, seed=0)
    images, labels = digits.train_images[:count], digits.train_labels[:count]
    assert 0 <= errors(net, digits, images, labels, batch=batch, batch_statistics=True).error <= 100


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("statistics", [True, False])
def test_measuring_errors_leaves_no_trace(net, digits, training, statistics):
    net.train(training)
    before = snapshot(net)
    errors(net, digits, digits.train_images, digits.train_labels, batch=50, batch_statistics=statistics)
    assert unchanged(net, before)
    assert all(module.training == training for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("training", [True, False])
def test_statistics_are_put_back_whatever_happens(net, digits, training):
    net.train(not training)
    before = snapshot(net)

    def interrupted():
        with preserve_bn_stats(net, training=training):
            net(normalise(digits.train_images, digits))
            assert unchanged(net, before) != training, "batch statistics are updated, for a while"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert unchanged(net, before)
    assert net.training != training
