"""Lesions against surgery on the whole net, one variant at a time."""

import itertools
import random
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from net_variants import built, shake
from scipy.stats import kendalltau

from resnet_edu.data import normalise
from resnet_edu.experiment.net import Cifar, Dense
from resnet_edu.experiment.parts import Bottleneck, ExclusiveGate, NoShortcut, ProjectionShortcut
from resnet_edu.measure import errors
from resnet_edu.nets import surgery
from resnet_edu.probes import lesions, variants
from resnet_edu.randomness import seed_for

NETS = {
    "residual": Cifar(depth=20, width=4),
    "plain": Cifar(depth=20, width=4, shortcut=NoShortcut()),
    "projection": Cifar(depth=14, width=4, shortcut=ProjectionShortcut(), order="full-preactivation"),
    "bottleneck": Cifar(depth=29, width=4, unit=Bottleneck()),
    "gated": Cifar(depth=14, width=4, shortcut=ExclusiveGate(bias=-1)),
    "dense": Dense(depth=10, width=6),
}


@pytest.fixture(params=NETS)
def net(request, untouched):
    stack = shake(built(NETS[request.param])).eval()
    untouched(stack)
    return stack


def slow(net, data, count=16):
    found = errors(net, data, data.test_images[:count], data.test_labels[:count], batch=5)
    return found.error, pytest.approx(found.loss, rel=1e-5)


def test_the_sweep_is_that_of_surgery_on_the_whole_net(net, noise):
    facts, table = lesions.lesions(net, noise)
    assert table["name"].tolist() == [name for name, _ in net.units()]
    for name, error, loss in zip(table["name"], table["error"], table["loss"], strict=True):
        assert (error, loss) == slow(surgery.delete(net, name), noise)
    assert (facts["intact_error"], facts["intact_loss"]) == slow(net, noise)
    assert (facts["images"], facts["units"]) == (16, len(net.units()))
    shapes = [
        output.shape
        for output in net.forward_intermediates(normalise(noise.test_images, noise)).intermediates.values()
    ]
    changes = [before != after for before, after in itertools.pairwise(shapes[:-1])]
    assert table["changes_size"].tolist() == changes


def test_the_logits_are_those_of_surgery_on_the_whole_net(net, noise):
    images = normalise(noise.test_images, noise)
    names, gone = [name for name, _ in net.units()], dict(surgery.delete(net, *dict(net.units())).units())
    chosen = [(), names[:1], names[-1:], names[1:3], names]
    ways = [tuple(gone[n] if n in some else each for n, each in net.units()) for some in chosen]
    with torch.no_grad():
        found = variants.variant_logits(net, ways, images)
        for some, logits in zip(chosen, found, strict=True):
            torch.testing.assert_close(logits, surgery.delete(net, *some)(images), rtol=1e-5, atol=1e-5)


def test_random_lesions_are_those_of_surgery(net, noise):
    facts, table = lesions.random_lesions(net, noise, draws=2, seed=3, counts=[0, 2, 4])
    assert sorted(zip(table["count"].tolist(), table["draw"].tolist(), strict=True)) == [
        (count, draw) for count in (0, 2, 4) for draw in (0, 1)
    ]
    for count, draw, error, loss in zip(*table.values(), strict=True):
        seed = seed_for(3, "lesions", int(count), int(draw))
        lesioned, _ = surgery.random_lesions(net, int(count), seed=seed)
        assert (error, loss) == slow(lesioned, noise)
    assert facts["seed"] == 3


def test_the_usual_counts_go_from_none_to_all(net, noise):
    _, table = lesions.random_lesions(net, noise, draws=1)
    counts = table["count"].tolist()
    assert counts == sorted(set(counts))
    assert (counts[0], counts[-1]) == (0, len(net.units()))


def test_shuffles_are_swaps_one_after_another(noise):
    net = shake(built(NETS["residual"])).eval()
    _, table = lesions.shuffles(net, noise, draws=3, swaps=[0, 1, 4])
    names = [name for name, _ in net.units()]
    pairs = [(i, j) for i, j in itertools.combinations(range(9), 2) if same(net, names[i], names[j])]
    for swaps, draw, tau, error, loss in zip(*table.values(), strict=True):
        changed, order = net, list(names)
        draws = random.Random(seed_for(0, "swaps", int(swaps), int(draw)))
        for _ in range(swaps):
            i, j = draws.choice(pairs)
            changed = surgery.swap(changed, names[i], names[j])
            order[i], order[j] = order[j], order[i]
        assert (error, loss) == slow(changed, noise)
        places = [names.index(name) for name in order]
        assert tau == pytest.approx(kendalltau(range(9), places).statistic)


def same(net, one, other):
    """Whether surgery agrees to swap two units."""
    try:
        surgery.swap(net, one, other)
    except surgery.SurgeryError:
        return False
    return True


@given(st.integers(2, 9).flatmap(lambda n: st.permutations(range(n))))
def test_kendall_s_tau_is_scipy_s(order):
    assert lesions.kendall_tau(order) == pytest.approx(kendalltau(range(len(order)), order).statistic)


def test_what_routes_share_is_computed_once(noise):
    net = shake(built(NETS["residual"])).eval()
    gone = dict(surgery.delete(net, *dict(net.units())).units())
    calls = Counter()
    for whose, stack in (("intact", net.units()), ("gone", gone.items())):
        for name, unit in stack:
            unit.register_forward_hook(lambda *_, key=(whose, name): calls.update([key]))
    units = [unit for _, unit in net.units()]
    ways = [tuple(units), *((*units[:i], gone[n], *units[i + 1 :]) for i, n in enumerate(gone))]
    with torch.no_grad():
        variants.variant_logits(net, [*ways, ways[0]], normalise(noise.test_images, noise))
    for i, name in enumerate(gone):
        assert calls["gone", name] == 1
        assert calls["intact", name] == 1 + i, "once for the intact net, and once for each lesion before it"


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_neither_threads_nor_batches_change_the_numbers(net, noise, batch, monkeypatch):
    monkeypatch.setattr(variants, "BATCH", batch)
    facts, one = lesions.lesions(net, noise, of="train", images=20)
    again, three = lesions.lesions(net, noise, of="train", images=20, threads=3)
    assert facts == again
    assert all(np.array_equal(one[name], three[name]) for name in one)
    assert facts["images"] == 20
    seen = noise.train_images[:20], noise.train_labels[:20]
    assert facts["intact_error"] == errors(net, noise, *seen, batch=7).error


def test_a_net_without_two_equal_units_cannot_be_shuffled(noise):
    stack = shake(built(Cifar(depth=8, width=4))).eval()
    with pytest.raises(ValueError, match="no two units of this net have the same sizes"):
        lesions.shuffles(stack, noise)
