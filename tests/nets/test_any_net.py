"""Properties of nets drawn at random from everything that a spec can say."""

import torch
from hypothesis import example, given, settings
from strategies import any_net

from resnet_edu import anatomy, nets
from resnet_edu.experiment.net import Dense, Imagenet
from resnet_edu.experiment.parts import Basic, ScaledShortcut
from resnet_edu.nets import count, surgery
from resnet_edu.nets.surgery import SurgeryError


def side_of(net):
    return 33 if isinstance(net, Imagenet) else 9


@settings(max_examples=10)
@given(any_net(deepest=2).filter(lambda net: net.depth < 100))
def test_a_net_is_built_as_its_anatomy_says(net):
    side = side_of(net)
    with torch.device("meta"):
        stack = nets.assemble(net, channels=2, side=side, classes=3)
        logits, intermediates = stack.forward_intermediates(torch.zeros(2, 2, side, side))
    found = anatomy.graph(net, channels=2, side=side, classes=3)
    shapes = {node["id"]: tuple(node["shape"]) for node in found["nodes"]}
    built = {name: tuple(tensor.shape[1:]) for name, tensor in intermediates.items()}
    assert built | {"head": (3,)} == shapes
    assert found["parameters"] == count.parameters(stack)
    assert found["macs"] == count.macs(stack, (2, side, side))
    assert logits.shape == (2, 3)


@settings(max_examples=20)
@example(Dense(4, shortcut=ScaledShortcut(alpha=0.0), survival=0.5, width=2, unit=Basic(layers=1)))
@example(Imagenet(18, ScaledShortcut(alpha=-1.0), order="relu-before-addition", width=2))
@given(any_net(deepest=1).filter(lambda net: net.depth <= 34))
def test_a_net_learns_and_keeps_its_loss_when_identity_units_are_put_in(net):
    side = side_of(net)
    stack = nets.build(net, channels=2, side=side, classes=3, seed=0).double()
    x = torch.randn(4, 2, side, side, dtype=torch.float64)
    with torch.no_grad():
        stack(x)  # running statistics are no longer those of the start
    stack.eval()
    stack(x).square().sum().backward()
    assert all(p.grad is not None for p in stack.parameters())
    last = stack.units()[0][0]
    try:
        deeper = surgery.insert_identity(stack, last)
    except SurgeryError:
        return
    torch.testing.assert_close(deeper(x), stack(x), rtol=1e-9, atol=1e-9)
