"""A Jacobian's norm from jvp_squared_norms directions, against the whole matrix."""

import pytest
import torch

from resnet_edu.data import normalise
from resnet_edu.measure import jvp_squared_norms, preserve_bn_stats


@pytest.fixture
def inputs(digits):
    return normalise(digits.train_images[:3], digits).double()


@pytest.mark.parametrize("batchwise", [True, False], ids=["batch", "running"])
def test_a_pushed_direction_is_the_matrix_times_it(net, inputs, batchwise):
    net.double()
    u = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = jvp_squared_norms(net, inputs, u, batch_statistics=batchwise)
    assert list(found) == [name for name, _ in net.units()]
    for name, squares in found.items():
        with preserve_bn_stats(net, training=batchwise):
            whole = torch.autograd.functional.jacobian(
                lambda x, n=name: net.forward_intermediates(x).intermediates[n], inputs
            )
        moved = torch.tensordot(whole, u, dims=u.dim())
        torch.testing.assert_close(squares, moved.flatten(1).square().sum(1), rtol=1e-9, atol=0)


def test_all_directions_together_make_the_whole_norm(net, inputs):
    net.double()
    total = 0
    for place in range(inputs[0].numel()):
        u = torch.zeros_like(inputs).flatten(1)
        u[:, place] = 1  # of every image at once: with running statistics they do not mix
        total = (
            total + jvp_squared_norms(net, inputs, u.view_as(inputs), batch_statistics=False)["stages.0.0"]
        )
    net.eval()
    for i, square in enumerate(total):
        own = torch.autograd.functional.jacobian(
            lambda x: net.forward_intermediates(x).intermediates["stages.0.0"], inputs[i : i + 1]
        )
        assert square.item() == pytest.approx(own.square().sum().item(), rel=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_measuring_jacobians_leaves_no_trace(net, inputs, training):
    net.double().train(training)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with torch.no_grad():
        jvp_squared_norms(net, inputs, torch.ones_like(inputs))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert net.training == training
    assert all(parameter.grad is None for parameter in net.parameters())
