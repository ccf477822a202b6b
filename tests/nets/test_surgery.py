"""Surgery: what it promises to leave alone stays bit for bit, and what it changes is what it says."""

import copy
import dataclasses
import itertools

import pytest
import torch
from net_variants import ALL, built, images, label, made, shake
from torch import nn
from torch.nn.functional import cross_entropy

from resnet_edu import data, nets, probes, runs
from resnet_edu.anatomy.plan import ends_in_norm
from resnet_edu.experiment.net import Cifar, Dense
from resnet_edu.experiment.parts import (
    Basic,
    Bottleneck,
    ExclusiveGate,
    GroupNorm,
    NoNorm,
    NoShortcut,
    PadShortcut,
    ScaledShortcut,
)
from resnet_edu.experiment.spec import SpecError
from resnet_edu.nets import surgery
from resnet_edu.nets.shortcuts import identity_or_pad
from resnet_edu.nets.surgery import SurgeryError


def trained(net, *, double=False, steps=3):
    """A few steps of training: weights and running statistics are no longer those of the start."""
    stack = shake(built(net, double=double), seed=1)
    optimizer = torch.optim.SGD(stack.parameters(), 0.01)
    labels = torch.tensor([0, 1, 2])
    for step in range(steps):
        optimizer.zero_grad()
        cross_entropy(stack(images(double=double, seed=step)), labels).backward()
        optimizer.step()
    return stack.eval()


def same_tensors(one, other):
    return all(torch.equal(one[name], other[name]) for name in one.keys() & other.keys())


def assert_equal_loss(one, other, *, double):
    x, labels = images(8, double=double, seed=9), torch.arange(8) % 3
    before, after = (cross_entropy(net(x), labels).item() for net in (one, other))
    assert after == pytest.approx(before, rel=1e-10 if double else 1e-5)


def can_be_identity(net):
    """Which nets have weights that make a unit the identity in eval mode."""
    by_image = net.norm.kind in ("group", "layer")
    if net.unit.nested or (by_image and net.order == "bn-after-addition"):
        return False
    if net.plain or net.shortcut.kind == "scaled":
        return not (net.preactivated or net.unit.kind == "bottleneck" or by_image)
    return not (by_image and net.shortcut.kind == "C" and ends_in_norm(net.arrangement))


@pytest.mark.slow
@pytest.mark.parametrize("net", ALL, ids=label)
def test_identity_units_change_nothing_wherever_weights_for_it_exist(net):
    stack = trained(net, double=True, steps=0)
    if not can_be_identity(net):
        with pytest.raises(SurgeryError):
            surgery.insert_identity(stack, "stages.0.0")
        return
    deeper = surgery.insert_identity(stack, "stages.0.0", count=2)
    assert len(deeper.units()) == len(stack.units()) + 2
    assert_equal_loss(stack, deeper, double=True)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"shortcut": NoShortcut(), "order": "full-preactivation"}, "sets negative inputs to zero"),
        ({"shortcut": NoShortcut(), "norm": GroupNorm(2)}, "cannot be the identity"),
        ({"shortcut": NoShortcut(), "unit": Bottleneck()}, "fewer channels than x"),
        ({"unit": Basic(2, nested=True)}, "never zero"),
        ({"shortcut": ScaledShortcut(alpha=0.5, branch=0.0)}, "whatever the branch is"),
    ],
)
def test_where_no_weights_make_an_identity_it_is_said(settings, why):
    with pytest.raises(SurgeryError, match=why):
        surgery.insert_identity(built(made(Cifar, **settings)), "stages.0.0")


@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize("shortcut", [NoShortcut(), PadShortcut()], ids=lambda s: s.kind)
@pytest.mark.parametrize("kind", [Cifar, Dense])
def test_growing_8_to_56_layers_keeps_the_loss(kind, shortcut, double):
    stack = trained(kind(depth=8, width=4, shortcut=shortcut), double=double)
    for depth in (14, 32, 56):
        deeper = surgery.deepen(stack, depth)
        assert_equal_loss(stack, deeper, double=double)
        built_so = nets.assemble(kind(depth=depth, width=4, shortcut=shortcut), channels=2, side=8, classes=3)
        assert {n: t.shape for n, t in deeper.state_dict().items()} == {
            n: t.shape for n, t in built_so.state_dict().items()
        }
        assert same_tensors(stack.state_dict(), deeper.state_dict())


@pytest.mark.parametrize("name", ["plain-20", "resnet-20"])
def test_a_net_trained_on_digits_grows_to_56_layers_with_its_loss(name):
    run = next(run for run in runs.recorded().runs() if run.name.startswith(f"{name}-digits-s0"))
    digits = data.load(run.experiment.data)
    stack, labels = copy.deepcopy(probes.net_of(run)), digits.test_labels
    x = data.normalise(digits.test_images, digits)
    with torch.no_grad():
        for double in (False, True):
            stack, x = (stack.double(), x.double()) if double else (stack, x)
            deeper = surgery.deepen(stack, 56)
            before, after = (cross_entropy(net(x), labels).item() for net in (stack, deeper))
            assert after == pytest.approx(before, rel=1e-10 if double else 1e-5)
            assert len(nets.layers(deeper)) == 56


def test_a_grown_residual_net_keeps_its_function_in_training_mode_and_a_plain_one_does_not():
    x = images(8)
    for shortcut, kept in ((PadShortcut(), True), (NoShortcut(), False)):
        stack = trained(Cifar(depth=8, width=4, shortcut=shortcut))
        deeper = surgery.deepen(stack, 20).train()
        assert torch.allclose(deeper(x), stack.train()(x), rtol=1e-4, atol=1e-4) == kept


def test_a_grown_net_learns_from_there():
    deeper = surgery.deepen(trained(Cifar(depth=8, width=4)), 14).train()
    before = {name: tensor.clone() for name, tensor in deeper.named_parameters()}
    optimizer = torch.optim.SGD(deeper.parameters(), 0.1)
    for step in range(2):
        optimizer.zero_grad()
        cross_entropy(deeper(images(8, seed=step)), torch.arange(8) % 3).backward()
        optimizer.step()
    assert not any(torch.equal(before[name], tensor) for name, tensor in deeper.named_parameters())


def test_growing_is_refused_where_there_is_nothing_to_grow():
    stack = built(Cifar(depth=14, width=4))
    with pytest.raises(SurgeryError, match="depth is 8; the net has 14 layers and can only grow"):
        surgery.deepen(stack, 8)
    with pytest.raises(SpecError, match="6n"):
        surgery.deepen(stack, 15)


@pytest.mark.parametrize("shortcut", [NoShortcut(), PadShortcut(), ExclusiveGate()], ids=lambda s: s.kind)
def test_an_insertion_moves_the_others_and_touches_none(shortcut):
    stack = trained(Cifar(depth=14, width=4, shortcut=shortcut))
    deeper = surgery.insert_identity(stack, "stages.1.0").state_dict()
    for name, tensor in stack.state_dict().items():
        moved = name.replace("stages.1.1.", "stages.1.2.")
        assert torch.equal(deeper[moved], tensor)


def test_a_deleted_branch_leaves_the_shortcut():
    x = images(4)
    for net in (
        Cifar(depth=14, width=4),
        Dense(depth=8, width=6),
        Cifar(depth=14, width=4, shortcut=NoShortcut()),
    ):
        stack = trained(net)
        for name, unit in stack.units():
            lesioned = surgery.delete(stack, name)
            here = dict(lesioned.units())[name]
            seen = []
            here.register_forward_hook(lambda m, inputs, y, seen=seen: seen.append((inputs[0], y)))
            lesioned(x)
            (inside, y), shortcut = seen[0], unit.shortcut
            if shortcut is None:
                shortcut = identity_or_pad(net, unit.plan)
            assert torch.equal(y, unit.after(shortcut(inside)))
            assert same_tensors(stack.state_dict(), lesioned.state_dict())
            gone = stack.state_dict().keys() - lesioned.state_dict().keys()
            assert gone
            assert all(tensor.startswith(f"{name}.branch.") for tensor in gone)


def test_lesions_are_random_by_seed_and_all_different():
    stack = built(Cifar(depth=20, width=2))
    lesioned, names = surgery.random_lesions(stack, 4, seed=1)
    assert len(set(names)) == 4
    assert names == sorted(names)
    assert names == surgery.random_lesions(stack, 4, seed=1)[1]
    assert len({tuple(surgery.random_lesions(stack, 4, seed=seed)[1]) for seed in range(20)}) > 5
    assert lesioned(images()).shape == (3, 3)
    with pytest.raises(SurgeryError, match="count is 10; the net has 9 units: 0 … 9"):
        surgery.random_lesions(stack, 10, seed=0)


def test_swapped_units_change_places_and_nothing_else():
    stack = trained(Cifar(depth=20, width=4))
    swapped = surgery.swap(stack, "stages.1.1", "stages.1.2")
    mapping = {"stages.1.1": "stages.1.2", "stages.1.2": "stages.1.1"}
    for name, tensor in stack.state_dict().items():
        moved = next((name.replace(a, b) for a, b in mapping.items() if name.startswith(a)), name)
        assert torch.equal(swapped.state_dict()[moved], tensor)
    again = surgery.swap(swapped, "stages.1.1", "stages.1.2")
    assert torch.equal(again(images()), stack(images()))
    with pytest.raises(SurgeryError, match="differ in their layers"):
        surgery.swap(stack, "stages.0.1", "stages.1.1")


def test_a_frozen_unit_stays_what_it_was():
    stack = surgery.freeze(trained(Cifar(depth=14, width=4)), "stages.1.0").train()
    before = {name: tensor.clone() for name, tensor in stack.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in stack.parameters() if p.requires_grad], 0.1, weight_decay=0.1)
    cross_entropy(stack(images(8)), torch.arange(8) % 3).backward()
    optimizer.step()
    moved = {name for name, tensor in stack.state_dict().items() if not torch.equal(before[name], tensor)}
    held = {name for name in before if name.startswith("stages.1.0.") and "num_batches" not in name}
    assert not moved & held
    assert moved | held >= {name for name in before if "num_batches" not in name}


@pytest.mark.parametrize("zero_last", [False, True])
def test_a_rewound_unit_is_what_it_was_before_training(zero_last):
    spec = Cifar(depth=14, width=4, zero_last=zero_last)
    fresh, stack = built(spec).state_dict(), trained(spec)
    after = surgery.rewind(stack, "stages.1.0", "stages.2.1").state_dict()
    for name, tensor in stack.state_dict().items():
        rewound = name.startswith(("stages.1.0.", "stages.2.1."))
        assert torch.equal(after[name], fresh[name] if rewound else tensor), name
    stack.seed = None
    with pytest.raises(SurgeryError, match="unknown: the net has no seed"):
        surgery.rewind(stack, "stages.1.0")


def test_a_scaled_unit_is_the_sum_with_factors():
    stack = trained(Cifar(depth=14, width=4))
    scaled = surgery.scale(
        surgery.scale(stack, "stages.0.1", branch=0.5), "stages.0.1", branch=0.5, shortcut=2
    )
    unit, x = dict(scaled.units())["stages.0.1"], torch.rand(2, 4, 8, 8)
    original = dict(stack.units())["stages.0.1"]
    assert torch.allclose(unit(x), torch.relu(2 * x + 0.25 * original.branch(x)), atol=1e-6)
    assert stack.state_dict().keys() == scaled.state_dict().keys()
    with pytest.raises(SurgeryError, match="plain"):
        surgery.scale(built(Cifar(depth=8, shortcut=NoShortcut())), "stages.0.0", branch=2)


def test_the_dial_at_zero_gives_the_plain_twin_and_at_one_the_net():
    stack = trained(Cifar(depth=14, width=4))
    plain = built(stack.spec.twin())
    plain.load_state_dict(stack.state_dict())
    x, own = images(), stack(images())
    surgery.set_residual_scale(stack, 0.0)
    assert torch.allclose(stack(x), plain.eval()(x), atol=1e-6)
    surgery.set_residual_scale(stack, 1.0)
    assert torch.equal(stack(x), own)


@pytest.mark.parametrize("order", ["original", "full-preactivation"])
def test_a_linearised_unit_is_affine(order):
    net = Cifar(depth=14, width=4, order=order)
    for name, _ in built(net).units():
        unit = dict(surgery.linearise(trained(net, double=True), name).units())[name]
        generator = torch.Generator().manual_seed(0)
        size = unit.plan.size_in
        x, y = torch.randn(2, 1, size, 8, 8, generator=generator, dtype=torch.float64)
        torch.testing.assert_close(unit(3 * x - 2 * y), 3 * unit(x) - 2 * unit(y))


def test_what_cannot_be_linear_is_refused():
    small = Cifar(depth=8, width=4)
    for change in ({"norm": GroupNorm(2)}, {"shortcut": ExclusiveGate()}):
        with pytest.raises(SurgeryError, match="not affine"):
            surgery.linearise(built(dataclasses.replace(small, **change)), "stages.0.0")
    plain = surgery.linearise(built(Cifar(depth=8, width=4)), "stages.0.0")
    with pytest.raises(SurgeryError, match="linearised"):
        surgery.insert_identity(plain, "stages.0.0")


def test_an_unknown_unit_is_told_what_there_is():
    with pytest.raises(SurgeryError, match=r"there is no unit 'stages\.9\.0'; units: stages\.0\.0, "):
        surgery.delete(built(Cifar(depth=8)), "stages.9.0")


@pytest.mark.parametrize(
    "operate",
    [
        lambda net: surgery.insert_identity(net, "stages.0.1"),
        lambda net: surgery.delete(net, "stages.0.1"),
        lambda net: surgery.swap(net, "stages.1.1", "stages.1.2"),
        lambda net: surgery.freeze(net, "stages.0.1"),
        lambda net: surgery.rewind(net, "stages.0.1"),
        lambda net: surgery.scale(net, "stages.0.1", branch=2.0),
        lambda net: surgery.linearise(net, "stages.0.1"),
    ],
)
def test_the_net_operated_on_is_left_as_it_was(operate):
    stack = trained(Cifar(depth=20, width=4, norm=NoNorm()))
    before, logits = {n: t.clone() for n, t in stack.state_dict().items()}, stack(images())
    shown = str(stack)
    operate(stack)
    assert str(stack) == shown
    assert all(torch.equal(before[name], tensor) for name, tensor in stack.state_dict().items())
    assert all(parameter.requires_grad for parameter in stack.parameters())
    assert torch.equal(stack(images()), logits)
    assert isinstance(stack.head, nn.Linear)


@pytest.mark.parametrize("order", ["original", "bn-after-addition", "full-preactivation"])
def test_any_two_units_that_fit_can_change_places(order):
    stack = trained(Cifar(depth=20, width=4, order=order))
    names = [name for name, _ in stack.units()]
    for one, other in itertools.combinations(names, 2):
        first = {"stages.1.0", "stages.2.0"} | ({"stages.0.0"} if order == "full-preactivation" else set())
        fit = one[:8] == other[:8] and not {one, other} & first  # a stage's first unit is of other sizes
        assert surgery.interchangeable(stack, one, other) == fit
        if fit:
            swapped = surgery.swap(stack, one, other)
            x = torch.relu(torch.randn(2, stack.get_submodule(one).plan.size_in, 8, 8))
            for here, there in ((one, other), (other, one)):
                assert torch.equal(swapped.get_submodule(here)(x), stack.get_submodule(there)(x))
        else:
            with pytest.raises(SurgeryError, match="differ in their"):
                surgery.swap(stack, one, other)
