"""The unit's exact identities, its gradients against finite differences, and what hooks see of it."""

import copy

import pytest
import torch
from torch import nn

from resnet_edu.experiment import NoShortcut, PadShortcut, ProjectionEverywhere, ProjectionShortcut
from resnet_edu.experiment.spec import SpecError
from resnet_edu.nets import Add, PadChannels
from resnet_edu.nets.branches import conv_unit, dense_unit
from resnet_edu.nets.initial import initialise

SHORTCUTS = {
    "plain": NoShortcut(),
    "A": PadShortcut(),
    "B": ProjectionShortcut(),
    "C": ProjectionEverywhere(),
}


def conv_case(shortcut, channels_out, stride):
    return conv_unit(shortcut, 2, channels_out, stride), torch.randn(3, 2, 5, 5, dtype=torch.float64)


CASES = {
    f"{kind}-{name}": (shortcut, name)
    for name in ("conv", "conv-halving", "conv-widening", "dense")
    for kind, shortcut in SHORTCUTS.items()
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    """A unit in float64 with initial weights, and an input for it."""
    shortcut, name = request.param
    torch.manual_seed(1)
    if name == "dense":
        unit, x = dense_unit(shortcut, 4), torch.randn(5, 4, dtype=torch.float64)
    else:
        channels_out, stride = {"conv": (2, 1), "conv-halving": (4, 2), "conv-widening": (3, 1)}[name]
        unit, x = conv_case(shortcut, channels_out, stride)
    initialise(unit, seed=0)
    return unit.double(), x


def last_norm(unit):
    return unit.branch.norm2


def test_unit_is_after_of_shortcut_plus_branch(case):
    unit, x = case
    expected = unit.branch(x) if unit.shortcut is None else unit.shortcut(x) + unit.branch(x)
    assert torch.equal(unit(x), torch.relu(expected))


def test_zero_branch_leaves_relu_of_the_shortcut(case):
    unit, x = case
    nn.init.zeros_(last_norm(unit).weight)
    shortcut = torch.zeros_like(unit(x)) if unit.shortcut is None else unit.shortcut(x)
    assert torch.equal(unit(x), torch.relu(shortcut))


def test_zero_branch_with_identity_shortcut_keeps_what_a_relu_let_through():
    unit, x = dense_unit(PadShortcut(), 6), torch.randn(4, 6).relu()
    nn.init.zeros_(last_norm(unit).weight)
    assert torch.equal(unit(x), x)


def test_gradients_equal_finite_differences(case):
    unit, x = case
    names, parameters = zip(*unit.named_parameters(), strict=True)

    def run(x, *values):
        return torch.func.functional_call(unit, dict(zip(names, values, strict=True)), (x,))

    values = [p.detach().clone().requires_grad_() for p in parameters]
    assert torch.autograd.gradcheck(run, (x.requires_grad_(), *values))


def test_shortcuts_of_the_paper():
    assert isinstance(conv_unit(PadShortcut(), 4, 4).shortcut, nn.Identity)
    assert isinstance(conv_unit(ProjectionShortcut(), 4, 4).shortcut, nn.Identity)
    assert isinstance(conv_unit(PadShortcut(), 4, 8, 2).shortcut, PadChannels)
    for unit in (conv_unit(ProjectionShortcut(), 4, 8, 2), conv_unit(ProjectionEverywhere(), 4, 8, 2)):
        assert unit.shortcut.conv.weight.shape == (8, 4, 1, 1)
        assert unit.shortcut.conv.stride == (2, 2)
    assert conv_unit(ProjectionEverywhere(), 4, 4).shortcut.conv.stride == (1, 1)
    assert conv_unit(NoShortcut(), 4, 8, 2).shortcut is None
    assert isinstance(dense_unit(ProjectionShortcut(), 4).shortcut, nn.Identity)
    assert dense_unit(ProjectionEverywhere(), 4).shortcut.linear.weight.shape == (4, 4)


def test_an_unknown_shortcut_is_refused():
    for make in (lambda: conv_unit("A", 4, 4), lambda: dense_unit("A", 4)):
        with pytest.raises(SpecError, match="shortcut is 'A'; allowed: A, B"):
            make()


@pytest.mark.parametrize("side", [8, 9])
def test_option_a_takes_every_second_pixel_and_adds_zero_channels(side):
    x = torch.randn(2, 3, side, side)
    y = PadChannels(extra=3, stride=2)(x)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2])
    assert torch.equal(y[:, 3:], torch.zeros(2, 3, (side + 1) // 2, (side + 1) // 2))


def test_every_module_is_used_once_and_seen_by_hooks_both_ways(case):
    unit, x = case
    forward, backward = [], []
    for name, module in unit.named_modules():
        module.register_forward_hook(lambda m, i, o, name=name: forward.append(name))
        module.register_full_backward_hook(lambda m, i, o, name=name: backward.append(name))
    unit(x.requires_grad_()).sum().backward()
    used = [name for name, _ in unit.named_modules() if name != "add" or unit.shortcut is not None]
    assert sorted(forward) == sorted(backward) == sorted(used)


def test_backward_hook_on_the_addition_sees_both_its_inputs():
    unit, seen = dense_unit(PadShortcut(), 4), []
    unit.add.register_full_backward_hook(lambda module, inputs, outputs: seen.append((*inputs, *outputs)))
    unit(torch.randn(3, 4, requires_grad=True)).sum().backward()
    to_shortcut, to_branch, from_output = seen[0]
    assert torch.equal(to_shortcut, from_output)
    assert torch.equal(to_branch, from_output)


def test_nothing_is_computed_in_place(case):
    unit, x = case
    outputs = [x]
    for module in unit.modules():
        module.register_forward_hook(lambda m, i, o: outputs.append(o))
    unit(x)
    assert all(tensor._version == 0 for tensor in outputs)
    assert not any(getattr(module, "inplace", False) for module in unit.modules())


def test_a_deepcopy_is_equal_and_independent(case):
    unit, x = case
    unit.eval()
    before, twin = unit(x), copy.deepcopy(unit)
    assert torch.equal(twin(x), before)
    nn.init.ones_(last_norm(twin).bias)
    assert torch.equal(unit(x), before)
    assert not torch.equal(twin(x), before)


def test_addition_is_a_module_of_its_own():
    a, b = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(Add()(a, b), a + b)
