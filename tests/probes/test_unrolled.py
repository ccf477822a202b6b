"""Every path, one by one: gradients by autograd with the other ways cut off, and lengths by walking."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from net_variants import ALL, ONE_OF_EACH, built, images, label, on_meta, shake
from torch import nn

from resnet_edu.experiment.net import Cifar, Dense, Imagenet
from resnet_edu.experiment.parts import (
    Basic,
    Bottleneck,
    ExclusiveGate,
    NoShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
    ShortcutGate,
)
from resnet_edu.measure import preserve_bn_stats
from resnet_edu.nets import surgery
from resnet_edu.nets.shortcuts import Gate
from resnet_edu.nets.units import ResidualUnit
from resnet_edu.probes import lengths
from resnet_edu.probes.unrolled import Unrolled, trace_unit

LABELS = torch.tensor([0, 1, 2])


def by_autograd(net, x, cut=()):
    """The gradient at the images; `cut` tells for each unit which of its terms passes none."""
    hooks = []
    for (_, unit), without in zip(net.units(), cut, strict=bool(cut)):
        if unit.shortcut is None:
            continue

        def detach(module, terms, without=without):
            return tuple(term.detach() if i == without else term for i, term in enumerate(terms))

        hooks.append(unit.add.register_forward_pre_hook(detach))
    x = x.clone().requires_grad_()
    F.cross_entropy(net(x), LABELS, reduction="sum").backward()
    for hook in hooks:
        hook.remove()
    net.zero_grad()
    return x.grad


@pytest.mark.parametrize("training", [True, False], ids=["batch", "running"])
@pytest.mark.parametrize(
    "spec",
    [
        Cifar(depth=14, width=3),
        Cifar(depth=8, width=3, order="full-preactivation", shortcut=ProjectionShortcut()),
        Cifar(depth=8, width=3, shortcut=ExclusiveGate(bias=-1)),
        Cifar(depth=8, width=3, unit=Basic(2, nested=True)),
        Dense(depth=10, width=5, shortcut=ShortcutGate(bias=0)),
    ],
    ids=label,
)
def test_the_gradient_of_each_path_is_that_with_all_other_ways_cut(spec, training):
    net, x = shake(built(spec, double=True)), images(double=True)
    ways = list(itertools.product([False, True], repeat=len(net.units())))
    with preserve_bn_stats(net, training=training):
        unrolled = Unrolled(net, x, LABELS)
        found = {way: unrolled.along(way) for way in ways}
        for way in ways:
            slow = by_autograd(net, x, [0 if branch else 1 for branch in way])
            torch.testing.assert_close(found[way], slow, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(sum(found.values()), by_autograd(net, x), rtol=1e-9, atol=1e-10)
        for length, together in enumerate(unrolled.by_length()):
            slow = sum(gradient for way, gradient in found.items() if sum(way) == length)
            torch.testing.assert_close(together, slow, rtol=1e-9, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ALL, ids=label)
def test_all_lengths_together_are_the_whole_gradient(spec, untouched):
    net, x = shake(built(spec, double=True)).eval(), images(double=True)
    whole = by_autograd(net, x)
    net.zero_grad(set_to_none=True)
    untouched(net)
    together = Unrolled(net, x, LABELS).by_length()
    assert len(together) == len(net.units()) + 1
    torch.testing.assert_close(sum(together), whole, rtol=1e-8, atol=1e-10)


def test_a_deleted_branch_carries_nothing_and_a_plain_net_has_one_path():
    net = surgery.delete(shake(built(Cifar(depth=8, width=3), double=True)).eval(), "stages.1.0")
    unrolled = Unrolled(net, images(double=True), LABELS)
    assert not unrolled.along([False, True, False]).any()
    assert unrolled.along([True, False, True]).any()
    assert lengths.in_units(net) == [1, 2, 1, 0]
    plain = shake(built(Cifar(depth=8, width=3, shortcut=NoShortcut()), double=True)).eval()
    together = Unrolled(plain, images(double=True), LABELS).by_length()
    assert [bool(each.any()) for each in together] == [False, False, False, True]


@pytest.mark.parametrize("spec", ONE_OF_EACH, ids=label)
def test_the_terms_of_a_unit_are_what_it_adds(spec):
    net = shake(built(spec, double=True)).eval()
    x = net.stem(images(double=True))
    for _, unit in net.units():
        found = trace_unit(unit, x)
        first, second = found.terms()
        torch.testing.assert_close(found.y, unit(x), rtol=0, atol=0)
        torch.testing.assert_close(unit.after(first + second), found.y)
        inside = unit.before(x) if hasattr(unit, "before") else x
        alpha = beta = 1.0
        if hasattr(unit, "gate"):
            alpha, beta = 1 - unit.gate(inside), unit.gate(inside)
        if spec.shortcut.kind == "scaled":
            alpha, beta = spec.shortcut.alpha, spec.shortcut.branch
        shortcut = torch.zeros_like(second) if unit.shortcut is None else unit.shortcut(inside)
        torch.testing.assert_close(first, alpha * shortcut)
        torch.testing.assert_close(second, beta * unit.branch(inside))
        x = found.y


def walked(module):
    """The length in layers of every path through the module, one number a path."""
    if isinstance(module, Gate):
        return [0]
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        return [1]
    if isinstance(module, ResidualUnit):
        around = [] if module.shortcut is None else walked(module.shortcut)
        return around + walked(module.branch)
    paths = [0]
    for child in module.children():
        paths = [length + more for length in paths for more in walked(child)]
    return paths


@pytest.mark.parametrize("spec", ONE_OF_EACH, ids=label)
def test_counts_in_layers_are_those_of_a_walk_along_every_path(spec):
    net = built(spec)
    parts = [net.stem, net.head, *(unit for _, unit in net.units())]
    if sum(lengths.in_layers(net)) < 5000:  # skips within skips make 10¹⁶ paths of six units
        parts.append(net)
    for part in parts:
        counts, paths = lengths.in_layers(part), walked(part)
        assert sum(counts) == len(paths)
        assert all(ways == paths.count(length) for length, ways in enumerate(counts))


def test_counts_that_are_known():
    cases = [
        (Cifar(depth=110), [math.comb(54, k) for k in range(55)]),  # Veit 2016 §3: 2⁵⁴ paths
        (Imagenet(depth=34), [math.comb(16, k) for k in range(17)]),
        (Cifar(depth=20, shortcut=NoShortcut()), [0] * 9 + [1]),
    ]
    for spec, counts in cases:
        assert lengths.in_units(on_meta(spec, side=32)) == counts
    layers = lengths.in_layers(built(Cifar(depth=20, width=2)))
    assert [(k, n) for k, n in enumerate(layers) if n] == [(2 + 2 * k, math.comb(9, k)) for k in range(10)]
    everywhere = lengths.in_layers(built(Cifar(depth=8, width=2, shortcut=ProjectionEverywhere())))
    assert [(k, n) for k, n in enumerate(everywhere) if n] == [(5, 1), (6, 3), (7, 3), (8, 1)]
    bottleneck = lengths.in_layers(built(Cifar(depth=11, width=2, unit=Bottleneck())))
    assert [(k, n) for k, n in enumerate(bottleneck) if n] == [(2, 1), (5, 3), (8, 3), (11, 1)]
    plain = lengths.in_layers(built(Cifar(depth=20, width=2, shortcut=NoShortcut())))
    assert [(k, n) for k, n in enumerate(plain) if n] == [(20, 1)]


POLYNOMIALS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), max_size=5)


@given(POLYNOMIALS)
def test_parts_in_a_row_multiply(parts):
    found = lengths.product(parts)
    for k, ways in enumerate(found):
        choices = itertools.product(*(range(len(part)) for part in parts))
        slow = sum(math.prod(p[i] for p, i in zip(parts, c, strict=True)) for c in choices if sum(c) == k)
        assert ways == slow


def test_shares_of_more_paths_than_a_float_holds():
    counts = [math.comb(1998, k) for k in range(1999)]
    assert sum(lengths.shares(counts)) == pytest.approx(100)
    assert lengths.as_floats(counts)[999] == math.inf
    assert lengths.as_floats([3]) == [3.0]
