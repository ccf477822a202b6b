"""Every shortcut, order, unit and norm, convolutional and dense: the identity that each keeps, exactly."""

import contextlib
import copy

import pytest
import torch
from net_variants import ALL, COVERING, ONE_OF_EACH, built, images, label, made, numbers_over, on_meta, shake
from torch import nn

from resnet_edu import nets
from resnet_edu.experiment.names import name_of
from resnet_edu.experiment.net import ORDERS, Cifar, Dense
from resnet_edu.experiment.parts import (
    Basic,
    ConvShortcut,
    DropoutShortcut,
    ExclusiveGate,
    Highway,
    NoShortcut,
    PadShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
    ScaledShortcut,
    ShortcutGate,
)
from resnet_edu.nets.shortcuts import identity_or_pad
from resnet_edu.nets.surgery import ZeroBranch, set_residual_scale


def units_of(net, *, training=False):
    """Every unit of the net in float64 with the input that reaches it, norms not at their start."""
    stack, found = shake(built(net, double=True)).train(training), []
    for name, unit in stack.units():
        unit.register_forward_hook(
            lambda m, inputs, y, name=name: found.append((name, m, inputs[0].detach(), y.detach()))
        )
    stack(images(double=True))
    for _, unit in stack.units():
        unit._forward_hooks.clear()
    return found


def carried(net, unit, x):
    """h(x) by the paper's definition, of what reaches the split; None in a plain unit."""
    around = identity_or_pad(net, unit.plan)(x)
    match net.shortcut:
        case NoShortcut():
            return None
        case ScaledShortcut(alpha=alpha):
            return alpha * around
        case ExclusiveGate() | Highway():
            return (1 - torch.sigmoid(unit.gate.layer(x))) * around
        case ShortcutGate():
            return (1 - torch.sigmoid(unit.shortcut.gate.layer(x))) * around
        case ProjectionShortcut() if unit.plan.same_size:
            return x
        case ProjectionShortcut() | ProjectionEverywhere() | ConvShortcut():
            return unit.shortcut(x)
        case PadShortcut() | DropoutShortcut():
            return around


def split(unit, x):
    return unit.before(x) if isinstance(unit, nets.PreactivatedUnit) else x


@pytest.mark.parametrize("net", numbers_over(ALL), ids=label)
def test_with_a_zero_branch_what_the_shortcut_carries_is_left(net):
    for name, unit, x, _ in units_of(net):
        unit.branch = ZeroBranch(identity_or_pad(net, unit.plan))
        h = carried(net, unit, split(unit, x))
        expected = unit.after(torch.zeros_like(unit(x)) if h is None else h)
        assert torch.equal(unit(x), expected), name


@pytest.mark.parametrize("net", numbers_over(ALL), ids=label)
def test_a_unit_is_its_equation(net):
    for name, unit, x, y in units_of(net):
        inside = split(unit, x)
        h, f = carried(net, unit, inside), unit.branch(inside)
        if net.gated:
            f = torch.sigmoid(unit.gate.layer(inside)) * f
        if isinstance(net.shortcut, ScaledShortcut):
            f = net.shortcut.branch * f
        torch.testing.assert_close(y, unit.after(f if h is None else h + f), msg=name)


def by_fig_4(order, parts, h, x):
    """He 2016 Fig. 4 for two layers, written out once more."""
    w1, n1, w2, n2, n3 = parts
    relu = torch.relu
    match order:
        case "original":
            return relu(h + n2(w2(relu(n1(w1(x))))))
        case "bn-after-addition":
            return relu(n3(h + w2(relu(n1(w1(x))))))
        case "relu-before-addition":
            return h + relu(n2(w2(relu(n1(w1(x))))))
        case "relu-only-preactivation":
            return h + n2(w2(relu(n1(w1(relu(x))))))
        case "full-preactivation":
            return h + w2(relu(n2(w1(relu(n1(x))))))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [Cifar, Dense])
def test_the_five_orders_are_those_of_figure_4(kind, order):
    net = made(kind, order=order)
    _, unit, x, y = units_of(net)[1]
    layer = "linear" if kind is Dense else "conv"
    branch, after = unit.branch, getattr(unit.after, "norm", None)
    second = getattr(branch, "norm2", None)
    parts = (
        branch.get_submodule(f"{layer}1"),
        branch.norm1,
        branch.get_submodule(f"{layer}2"),
        second,
        after,
    )
    torch.testing.assert_close(y, by_fig_4(order, parts, x, x))


@pytest.mark.parametrize("order", [order for order in ORDERS if order != "original"])
def test_each_order_differs_from_the_original(order):
    """Planted misprint: the wrong order is no other order by accident."""
    net = made(Cifar, order=order)
    _, unit, x, y = units_of(net)[1]
    wrong = made(Cifar)
    other = nets.unit(wrong, unit.plan).double().eval()
    other.load_state_dict(unit.state_dict(), strict=False)
    assert not torch.allclose(other(x), y)


@pytest.mark.parametrize("net", numbers_over([n for n in ALL if n.shortcut.kind in ("A", "B")]), ids=label)
def test_additive_shortcuts_at_zero_give_the_plain_twin(net):
    stack = shake(built(net, double=True)).eval()
    plain = built(net.twin(), double=True).eval()
    plain.load_state_dict({n: stack.state_dict()[n] for n in plain.state_dict()})
    if net.unit.nested:
        for module in stack.modules():
            if isinstance(module, nets.ResidualUnit):
                module.add = nets.ScaledAdd(0.0, 1.0)
    else:
        set_residual_scale(stack, 0.0)
    torch.testing.assert_close(stack(images(double=True)), plain(images(double=True)))


def test_shut_gates_carry_and_open_gates_do_not():
    for shut in (ExclusiveGate(bias=-100), Highway(bias=-100), ShortcutGate(bias=-100)):
        _, unit, x, y = units_of(made(Cifar, shortcut=shut))[1]
        f = unit.branch(x) if isinstance(shut, ShortcutGate) else 0
        torch.testing.assert_close(y, unit.after(x + f))
    for wide in (ExclusiveGate(bias=100), Highway(bias=100), ShortcutGate(bias=100)):
        _, unit, x, y = units_of(made(Cifar, shortcut=wide))[1]
        torch.testing.assert_close(y, unit.after(unit.branch(x)))


def test_a_highway_is_srivastavas():
    """y = H(x)·T(x) + x·(1 − T(x)), H ending in a ReLU and nothing after the sum (2015, eq. 2 and 3)."""
    _, unit, x, y = units_of(made(Dense, shortcut=Highway(bias=-1), unit=Basic(1)))[1]
    h = torch.relu(unit.branch.norm1(unit.branch.linear1(x)))
    t = torch.sigmoid(x @ unit.gate.layer.weight.T + unit.gate.layer.bias)
    torch.testing.assert_close(y, h * t + x * (1 - t))


def test_nested_skips_by_hand():
    net = made(Cifar, unit=Basic(3, nested=True))
    _, unit, x, y = units_of(net)[1]
    first, second = unit.branch.first, unit.branch.second
    inner = first.branch  # two layers, nested once more: one layer and one layer
    a = torch.relu(x + inner.first.branch(x))
    b = a + inner.second.branch(a)
    z = torch.relu(x + b)
    torch.testing.assert_close(y, torch.relu(x + (z + second.branch(z))))


@pytest.mark.slow
@pytest.mark.parametrize("net", numbers_over(ALL), ids=label)
def test_gradients_equal_finite_differences(net):
    for _, unit, x, _ in units_of(net)[:2]:
        unit.eval()  # dropout draws anew at every call
        names, parameters = zip(*unit.named_parameters(), strict=True)

        def run(x, *values, unit=unit, names=names):
            return torch.func.functional_call(unit, dict(zip(names, values, strict=True)), (x,))

        values = [parameter.detach().clone().requires_grad_() for parameter in parameters]
        assert torch.autograd.gradcheck(run, (x[:2].requires_grad_(), *values), fast_mode=True)


@pytest.mark.parametrize("net", ONE_OF_EACH, ids=label)
def test_hooks_see_every_module_once_forward_and_backward(net):
    stack, forward, backward = built(net), [], []
    for name, module in stack.named_modules():
        module.register_forward_hook(lambda m, i, o, name=name: forward.append(name))
        module.register_full_backward_hook(lambda m, i, o, name=name: backward.append(name))
    stack(images().requires_grad_()).sum().backward()
    unused = {name for name, module in stack.named_modules() if isinstance(module, nets.Add) and net.plain}
    used = sorted({name for name, _ in stack.named_modules()} - unused)
    assert sorted(forward) == sorted(backward) == used
    assert not any(getattr(module, "inplace", False) for module in stack.modules())


@pytest.mark.slow
@pytest.mark.parametrize("net", ONE_OF_EACH, ids=label)
def test_copies_functional_calls_and_autocast_work(net):
    stack, x = built(net).eval(), images()
    logits = stack(x)
    assert torch.equal(copy.deepcopy(stack)(x), logits)
    parameters = {name: tensor.detach() for name, tensor in stack.named_parameters()}
    assert torch.equal(torch.func.functional_call(stack, parameters, (x,)), logits)
    loss = torch.func.grad(lambda p: torch.func.functional_call(stack, p, (x,)).square().sum())
    assert set(loss(parameters)) == set(parameters)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.allclose(stack(x).float(), logits, atol=0.1 * max(1, logits.abs().max().item()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "net",
    [
        pytest.param(
            made(Cifar, shortcut=ExclusiveGate(bias=-1), order="full-preactivation"), marks=pytest.mark.soak
        ),
        made(Dense, shortcut=ScaledShortcut(), survival=0.5),
    ],
    ids=label,
)
def test_compiled_nets_give_the_same_numbers(net):
    torch._dynamo.reset()
    stack, x = built(net).eval(), images()
    with contextlib.redirect_stderr(None):
        torch.testing.assert_close(torch.compile(stack)(x), stack(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "all_nets", [COVERING, pytest.param(ALL, marks=pytest.mark.soak)], ids=["some", "all"]
)
def test_twins_share_every_common_tensor(all_nets):
    for net in all_nets:
        if not net.plain and net.shortcut.kind != "highway":
            residual, plain = built(net).state_dict(), built(net.twin()).state_dict()
            assert plain.keys() <= residual.keys(), name_of(net)
            assert all(torch.equal(residual[name], tensor) for name, tensor in plain.items()), name_of(net)
            extra = residual.keys() - plain.keys()
            assert all(".shortcut." in name or ".gate." in name for name in extra), name_of(net)


def test_every_layer_of_a_plain_net_is_counted_in_its_depth():
    for net in ALL:
        stack = on_meta(net)
        names = [name for name, _ in nets.layers(stack)]
        counted = [name for name in names if ".shortcut." not in name and ".gate." not in name]
        assert len(counted) == net.depth, name_of(net)
        assert isinstance(stack.head, nn.Linear)
