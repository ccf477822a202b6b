"""What a map is worth, against loops; SciPy for ranks; and what must hold of nets that are known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from net_variants import built, images, made, shake
from torch import nn

from resnet_edu import nets, probes
from resnet_edu.data import normalise
from resnet_edu.experiment.net import Cifar, Dense
from resnet_edu.experiment.parts import NoShortcut, PadShortcut
from resnet_edu.methods import METHODS, SQUARES, TRIES
from resnet_edu.probes import trust
from resnet_edu.probes.saliency import attribute
from resnet_edu.probes.smoothness import nudges
from resnet_edu.probes.trust import OTHER_SEED, infidelity, parts_from_above, randomised, rank_correlation

SEED = 4


@pytest.fixture
def net():
    return shake(built(made(Cifar))).eval()


@pytest.fixture
def sanity(noise):
    def ask(net, **asked):
        return probes.PROBES["sanity"](net, noise, **{"image": 2, "stages": 20, "repeats": 1} | asked)

    return ask


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_ranks_are_correlated_as_scipy_does(pairs):
    from scipy.stats import spearmanr

    one, other = torch.tensor(pairs).double().T
    found = rank_correlation(one, other)
    if one.unique().numel() == 1 or other.unique().numel() == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)


def test_parts_are_randomised_from_the_head_down(net, noise, untouched):
    untouched(net)
    order = parts_from_above(net)
    assert order == ["head", *(name for name, _ in net.units()[::-1]), "stem"]
    other = nets.build(net.spec, channels=2, side=8, classes=3, seed=11)
    for stop, changed in randomised(net, noise, 11, list(range(len(order)))):
        assert not any(module.training for module in changed.modules())
        for place, name in enumerate(order):
            fresh = place <= stop
            source = (other if fresh else net).get_submodule(name)
            for (_, tensor), (which, wanted) in zip(
                changed.get_submodule(name).named_parameters(), source.named_parameters(), strict=True
            ):
                assert torch.equal(tensor, wanted), (name, which, fresh)
    inputs = normalise(noise.train_images, noise)
    with torch.no_grad():
        assert (changed(inputs) - other.train()(inputs)).abs().max() < 0.1, "by these images' statistics"


@pytest.mark.parametrize("order", ["original", "full-preactivation"])
def test_the_norm_behind_the_last_addition_belongs_to_the_head(noise, order):
    net = shake(built(made(Cifar, order=order))).eval()
    _, changed = next(randomised(net, noise, 11, [0]))
    differing = {
        name.split(".")[0]
        for (name, tensor), other in zip(changed.named_parameters(), net.parameters(), strict=True)
        if not torch.equal(tensor, other)
    }
    assert differing == ({"head", "pool"} if order == "full-preactivation" else {"head"})


def test_a_map_is_compared_stage_by_stage(net, noise, sanity, untouched):
    untouched(net)
    facts, arrays = sanity(net, seed=SEED)
    order = parts_from_above(net)
    assert facts["after"] == order
    inputs = normalise(noise.test_images[2:3], noise)
    target = int(noise.test_labels[2])
    trained = attribute(net, inputs, target, "saliency")[0]
    assert np.array_equal(arrays["maps"][0], trained)
    for place, (_, changed) in enumerate(randomised(net, noise, OTHER_SEED + SEED, list(range(len(order))))):
        found = attribute(changed, inputs, target, "saliency")[0]
        assert np.array_equal(arrays["maps"][place + 1], found)
        expected = rank_correlation(found.amax(0), trained.amax(0))
        assert arrays["correlation"][0, place] == pytest.approx(expected)


def test_stages_are_spread_evenly_and_repeats_differ(net, sanity):
    facts, arrays = sanity(net, stages=3, repeats=2)
    assert facts["after"] == ["head", parts_from_above(net)[round(3.5)], "stem"]
    assert arrays["correlation"].shape == (2, 3)
    assert not np.allclose(*arrays["correlation"])
    again = sanity(net, stages=3, repeats=2)[1]["correlation"]
    assert np.array_equal(again, arrays["correlation"])


def test_signed_maps_are_compared_by_the_size_of_their_sum():
    found = torch.tensor([[[1.0, -3.0]], [[-1.0, 1.0]]])
    assert trust._sizes(found, "deep_lift").tolist() == [[0.0, 2.0]]
    assert trust._sizes(found, "saliency").tolist() == [[1.0, 3.0]]


def test_a_blank_map_has_no_correlation(noise, sanity):
    net = built(made(Cifar)).eval()
    nn.init.zeros_(net.head.weight)
    _, arrays = sanity(net, stages=2)
    assert np.isnan(arrays["correlation"]).all()


def linear_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(128, 3)).double()


def test_a_linear_net_s_fall_is_foretold_by_what_adds_up():
    net, one = linear_net(), images(1, double=True)
    for method in ("integrated_gradients", "deep_lift", "input_x_gradient"):
        found = attribute(net, one, 1, method)
        assert infidelity(net, one, 1, found) == pytest.approx(0, abs=1e-9)
        assert infidelity(net, one, 1, 1000 * found) == pytest.approx(0, abs=1e-9), "whatever the scale"
    assert infidelity(net, one, 1, torch.zeros_like(one)) == pytest.approx(1)
    nn.init.zeros_(net[1].weight)
    assert infidelity(net, one, 1, found) is None, "a score that never changes"


@pytest.mark.parametrize("method", ["saliency", "deep_lift", "grad_cam"])
def test_infidelity_is_what_a_loop_over_squares_leaves_unexplained(net, method):
    net, one = net.double(), images(1, double=True)
    found = attribute(net, one, 1, method)
    mask, without = trust._squares(SEED)(one.repeat(SQUARES, 1, 1, 1))
    with torch.no_grad():
        falls = [(net(one) - net(each[None]))[0, 1].item() for each in without]
    per_pixel = found[0].sum(0) if found.shape[1] > 1 else found[0, 0]
    foretold = [(per_pixel * each[0]).sum().item() for each in mask]
    _, residual, *_ = np.linalg.lstsq(np.array(foretold)[:, None], np.array(falls), rcond=None)
    expected = residual[0] / np.square(falls).sum()
    assert 0 <= infidelity(net, one, 1, found, SEED) <= 1
    assert infidelity(net, one, 1, found, SEED) == pytest.approx(expected, rel=1e-6)


def test_squares_lie_anywhere_and_are_a_pixel_to_half_a_side_wide():
    mask, without = trust._squares(0)(torch.ones(4000, 2, 8, 8))
    assert torch.equal(mask + without, torch.ones_like(mask))
    assert torch.equal(mask[:, 0], mask[:, 1])
    heights, widths = mask[:, 0].amax(2).sum(1), mask[:, 0].amax(1).sum(1)
    assert torch.equal(heights, widths)
    assert torch.equal(mask[:, 0].sum((1, 2)), heights * widths), "whole squares"
    assert heights.unique().tolist() == [1, 2, 3, 4]
    assert mask.mean(0).min() > 0.02, "corners too"


@pytest.mark.parametrize("method", METHODS)
def test_sensitivity_is_the_largest_change_in_a_loop(net, noise, method):
    asked = {"image": 1, "method": method, "seed": SEED}
    facts, arrays = probes.PROBES["trust"](net, noise, **asked)
    inputs, target = normalise(noise.test_images[1:2], noise), int(noise.test_labels[1])

    def ask(at):
        return attribute(net, at, target, method, seed=SEED, pieces=trust.QUICK)

    here = ask(inputs)
    moved = inputs + nudges(inputs.repeat(TRIES, 1, 1, 1), SEED)
    jumps = [((ask(each[None]) - here).norm() / here.norm()).item() for each in moved]
    assert facts["sensitivity"] == pytest.approx(max(jumps), rel=1e-4)
    assert max(jumps) > 0
    assert np.array_equal(arrays["map"], here[0])
    assert 0 <= facts["infidelity"] <= 1
    assert facts["infidelity"] == pytest.approx(infidelity(net, inputs, target, here, SEED))


def test_a_map_of_nothing_has_no_sensitivity(noise):
    net = built(made(Cifar)).eval()
    nn.init.zeros_(net.head.weight)
    facts, _ = probes.PROBES["trust"](net, noise, image=0)
    assert (facts["sensitivity"], facts["infidelity"]) == (None, None)


def test_a_dense_net_and_both_twins_can_be_asked(noise, sanity):
    for kind in (Cifar, Dense):
        for shortcut in (NoShortcut(), PadShortcut()):
            net = shake(built(made(kind, shortcut=shortcut))).eval()
            assert np.isfinite(sanity(net, stages=2)[1]["correlation"]).all()
            assert probes.PROBES["trust"](net, noise, image=0)[0]["sensitivity"] >= 0
