"""Every number of the torch-free anatomy equals what is measured on the net that is built."""

import pytest
import torch
from net_variants import ALL, label, on_meta
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from resnet_edu import anatomy, nets
from resnet_edu.experiment import Cifar, Imagenet, NoShortcut, name_of
from resnet_edu.experiment.names import PAPER_NETS
from resnet_edu.experiment.parts import Bottleneck, Highway
from resnet_edu.nets import count

PAPERS = [*PAPER_NETS.values(), *(Imagenet(depth=d, stride=s) for d in (50, 152) for s in ("3x3", "1x1"))]
PAPERS += [Imagenet(depth=34, shortcut=NoShortcut()), Imagenet(depth=18)]


def assert_same(net, stack, channels, side, classes):
    measured = {
        row.name: (row.shape, row.parameters, row.macs) for row in count.table(stack, (channels, side, side))
    }
    found = anatomy.parts(net, channels=channels, side=side, classes=classes)
    rows = [row for block in found for row in block.rows]
    assert {row.name: (row.shape, row.parameters, row.macs) for row in rows if row.parameters} == measured
    modules = dict(stack.named_modules())
    assert {row.name for row in rows if row.kind in ("relu", "add", "pool")} == {
        name
        for name, module in modules.items()
        if isinstance(module, (nn.ReLU, nn.MaxPool2d)) or (isinstance(module, nets.Add) and not net.plain)
    } - {name for name in modules if name.endswith(".add.add")}
    device = next(stack.parameters()).device
    traced = (
        stack.eval().forward_intermediates(torch.zeros(1, channels, side, side, device=device)).intermediates
    )
    assert {block.name: block.shape for block in found[:-1]} == {
        n: tuple(t.shape[1:]) for n, t in traced.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("net", ALL, ids=label)
def test_every_layer_of_every_variant(net):
    assert_same(net, on_meta(net, 2, 9, 3), 2, 9, 3)


@pytest.mark.slow
@pytest.mark.parametrize("net", PAPERS, ids=name_of)
def test_every_layer_of_the_papers_nets(net):
    assert_same(net, on_meta(net, 3, 40, 10), 3, 40, 10)


@pytest.mark.parametrize("net", ALL[::7], ids=label)
def test_multiply_adds_equal_torchs_own_counter(net):
    stack = nets.build(net, channels=2, side=9, classes=3, seed=0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        stack(torch.zeros(1, 2, 9, 9))
    assert 2 * anatomy.graph(net, channels=2, side=9, classes=3)["macs"] == counter.get_total_flops()


@pytest.mark.parametrize(
    "net",
    [
        Cifar(depth=14, width=1),
        Cifar(depth=11, width=1, unit=Bottleneck(stride="3x3"), order="full-preactivation"),
        Cifar(depth=8, width=1, shortcut=Highway()),
        Imagenet(depth=18, width=1),
    ],
    ids=name_of,
)
def test_receptive_fields_equal_where_gradients_reach(net):
    """With all weights 1 and no norm in the way, every pixel that an output sees has a gradient."""
    fields = {part.name: part.field for part in anatomy.parts(net) if part.field}
    side = 2 * max(fields.values()) + 33
    stack = nets.build(net, channels=1, side=side, classes=1, seed=0).double().eval()
    for parameter in stack.parameters():
        nn.init.ones_(parameter)
    if isinstance(net, Imagenet):
        stack.stem.pool = nn.AvgPool2d(3, 2, padding=1)  # a maximum passes the gradient to one pixel only
    x = torch.rand(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    for name, y in stack.forward_intermediates(x).intermediates.items():
        if name in fields:
            (gradient,) = torch.autograd.grad(y[0, 0, y.shape[2] // 2, y.shape[3] // 2], x, retain_graph=True)
            rows = gradient[0, 0].abs().sum(1).nonzero().flatten()
            assert rows.max() - rows.min() + 1 == fields[name], name
