"""What the answers on paths say, against sums, matrices and masks written out."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from net_variants import built, label, shake

from resnet_edu.data import normalise
from resnet_edu.experiment.net import Cifar, Dense
from resnet_edu.experiment.parts import (
    Basic,
    ExclusiveGate,
    LayerNorm,
    NoShortcut,
    ProjectionShortcut,
    ScaledShortcut,
)
from resnet_edu.nets import surgery
from resnet_edu.probes import paths
from resnet_edu.probes.unrolled import Unrolled


@pytest.fixture
def net_of(untouched):
    def make(spec):
        stack = shake(built(spec)).eval()
        untouched(stack)
        return stack

    return make


@pytest.mark.parametrize(
    "spec", [Cifar(depth=14, width=4), Cifar(depth=8, width=4, shortcut=ScaledShortcut())], ids=label
)
def test_contributions_are_those_of_the_unit_written_out(net_of, noise, spec):
    net = net_of(spec)
    alpha = spec.shortcut.alpha if spec.shortcut.kind == "scaled" else 1
    facts, table = paths.contributions(net, noise, images=10)
    with torch.no_grad():
        x = net.stem(normalise(noise.test_images[:10], noise))
        for i, (name, unit) in enumerate(net.units()):
            h, f = (alpha * unit.shortcut(x)).flatten(1), unit.branch(x).flatten(1)
            y = torch.relu(h + f)
            slow = {
                "shortcut": h.norm(dim=1),
                "branch": f.norm(dim=1),
                "output": y.norm(dim=1),
                "ratio": f.norm(dim=1) / h.norm(dim=1),
                "cosine": F.cosine_similarity(h, f),
                "changed": (h + f).clamp(max=0).norm(dim=1) / (h + f).norm(dim=1),
            }
            assert table["name"][i] == name
            for column, values in slow.items():
                assert table[column][i] == pytest.approx(values.mean().item(), rel=1e-4, abs=1e-6), column
            x = unit(x)
    assert facts["after"] == "relu"


def test_the_sum_is_exact_without_a_relu_behind_it_and_is_not_with_one(net_of, noise):
    facts, _ = paths.contributions(net_of(Cifar(depth=20, width=4, order="full-preactivation")), noise)
    assert facts["after"] == "nothing"
    assert len(facts["unrolled"]) == 3
    assert max(facts["unrolled"]) < 1e-6
    net = net_of(Cifar(depth=14, width=4))
    facts, _ = paths.contributions(net, noise)
    with torch.no_grad():
        trace = net.forward_intermediates(normalise(noise.test_images, noise)).intermediates
        unit = dict(net.units())["stages.1.1"]
        x, y = trace["stages.1.0"], trace["stages.1.1"]
        assert facts["unrolled"][1] == pytest.approx(
            ((y - x - unit.branch(x)).norm() / y.norm()).item(), rel=1e-4
        )


def test_a_plain_net_has_no_shortcut_to_compare_with(net_of, noise):
    net = net_of(Cifar(depth=8, width=4, shortcut=NoShortcut()))
    facts, table = paths.contributions(net, noise)
    assert facts["plain"]
    assert facts["unrolled"] == []
    assert not table["shortcut"].any()
    assert np.isnan(table["ratio"]).all()
    assert np.isnan(table["cosine"]).all()
    assert (table["branch"] > 0).all()


def matrix(function, size):
    """A linear function's matrix, from what it makes of each unit vector."""
    zero = function(torch.zeros(1, size))
    return torch.cat([function(row[None]) - zero for row in torch.eye(size)]).T


def test_an_expanded_path_is_a_product_of_matrices(net_of, noise):
    net = net_of(Dense(depth=8, width=5, shortcut=ProjectionShortcut()))
    facts, table = paths.expansion(net, noise, count=3)
    linear = dict(surgery.linearise(net, *(name for name, _ in net.units())).units())
    with torch.no_grad():
        x = net.stem(normalise(noise.test_images, noise))
        ways = [{"x": matrix(unit.shortcut, 5), "F": matrix(unit.branch, 5)} for unit in linear.values()]
        whole = 0
        assert table["path"].tolist() == [" ".join(path) for path in itertools.product("xF", repeat=3)]
        for path, length, norm in zip(*table.values(), strict=True):
            carried = x.T
            for way, step in zip(ways, path.split(), strict=True):
                carried = way[step] @ carried
            whole = whole + carried
            assert norm == pytest.approx(carried.norm(dim=0).mean().item(), rel=1e-4)
            assert length == path.count("F")
    assert facts["whole"] == pytest.approx(whole.norm(dim=0).mean().item(), rel=1e-4)
    assert facts["mismatch"] < 1e-6
    assert facts["paths"] == 8


@pytest.mark.parametrize(
    ("spec", "ways"),
    [
        (Cifar(depth=20, width=4), 2),
        (Cifar(depth=20, width=4, order="full-preactivation"), 2),
        (Cifar(depth=20, width=4, order="bn-after-addition", shortcut=ScaledShortcut()), 2),
        (Cifar(depth=20, width=4, unit=Basic(2, nested=True)), 2),
        (Cifar(depth=20, width=4, shortcut=NoShortcut()), 1),
    ],
    ids=str,
)
def test_an_expansion_adds_up_wherever_it_begins(net_of, noise, spec, ways):
    net = net_of(spec)
    for first, count in ((None, 4), ("stages.0.0", 5), ("stages.1.2", 1)):
        facts, table = paths.expansion(net, noise, first=first, count=count)
        assert facts["mismatch"] < 1e-5
        assert len(table["path"]) == facts["paths"] == ways**count
        assert len(facts["expanded"]) == count
        assert facts["biases"] > 0


def test_the_table_of_lengths_is_made_of_paths_cut_out_by_hand(net_of, noise):
    net = net_of(Cifar(depth=14, width=4))
    inputs, labels = normalise(noise.test_images[:5], noise), noise.test_labels[:5]
    unrolled = Unrolled(net, inputs, labels)
    carried = {way: unrolled.along(way) for way in itertools.product([False, True], repeat=6)}
    whole = sum(carried.values())
    facts, table = paths.path_lengths(net, noise, images=5, samples=20)  # 20 are all there are
    sampled = paths.path_lengths(net, noise, images=5, samples=12)[1]
    for length in range(7):
        own = [gradient for way, gradient in carried.items() if sum(way) == length]
        norms = torch.stack([gradient.flatten(1).norm(dim=1).mean() for gradient in own])
        together = sum(own)
        slow = {
            "paths": math.comb(6, length),
            "norm": norms.mean().item(),
            "norm_sd": norms.std(correction=0).item(),
            "together": together.flatten(1).norm(dim=1).mean().item(),
            "share": 100 * ((together * whole).sum() / whole.square().sum()).item(),
        }
        for column, value in slow.items():
            assert table[column][length] == pytest.approx(value, rel=1e-4, abs=1e-4), column
        error = 4 * slow["norm_sd"] / 12**0.5 if len(own) > 12 else 1e-9
        assert sampled["norm"][length] == pytest.approx(slow["norm"], abs=error, rel=1e-4)
    assert not np.array_equal(sampled["norm"], table["norm"])
    counted = [math.comb(6, k) * norm for k, norm in enumerate(table["norm"])]
    assert table["norm_share"].tolist() == pytest.approx([100 * each / sum(counted) for each in counted])
    for name in ("norm", "share"):
        assert table[f"{name}_up_to"][-1] == pytest.approx(100)
    assert table["paths_share"].sum() == pytest.approx(100)
    assert facts["paths"] == 64
    assert facts["mismatch"] < 1e-5
    assert facts["layers"] == [2, 4, 6, 8, 10, 12, 14]
    assert facts["gradient"] == pytest.approx(whole.flatten(1).norm(dim=1).mean().item(), rel=1e-4)


def test_the_sampling_follows_its_seed(net_of, noise):
    net = net_of(Cifar(depth=14, width=4))
    one, again, other = (
        paths.path_lengths(net, noise, samples=2, seed=seed)[1]["norm"] for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_plain_net_is_one_path(net_of, noise):
    facts, table = paths.path_lengths(net_of(Cifar(depth=8, width=4, shortcut=NoShortcut())), noise)
    assert facts["plain"]
    assert facts["paths"] == 1
    assert table["paths"].tolist() == [0, 0, 0, 1]
    assert table["share"].tolist() == pytest.approx([0, 0, 0, 100])
    assert table["norm_share"].tolist() == pytest.approx([0, 0, 0, 100])
    assert (facts["layers"], facts["layer_paths"]) == ([8], [1])


@pytest.mark.parametrize(
    ("question", "asked", "message"),
    [
        (paths.expansion, {"count": 0}, "count is 0; allowed: 1 … 3"),
        (paths.expansion, {"count": 4}, "count is 4; allowed: 1 … 3"),
        (paths.expansion, {"first": "stages.9.0"}, "first is 'stages.9.0'; allowed: stages.0.0, "),
        (paths.expansion, {"first": "stages.2.0", "count": 2}, "from stages.2.0 on there are 1 units"),
        (paths.path_lengths, {"samples": 0}, "samples is 0; allowed: 1 … 10000"),
        (paths.path_lengths, {"statistics": "none"}, "statistics is 'none'; allowed: running, batch"),
        (paths.contributions, {"of": 3}, "of is 3; allowed: test, train"),
    ],
)
def test_what_cannot_be_asked(net_of, noise, question, asked, message):
    with pytest.raises(ValueError, match=message):
        question(net_of(Cifar(depth=8, width=4)), noise, **asked)


@pytest.mark.parametrize("change", [{"norm": LayerNorm()}, {"shortcut": ExclusiveGate()}])
def test_what_stays_curved_without_relus_cannot_be_expanded(net_of, noise, change):
    with pytest.raises(ValueError, match="not affine"):
        paths.expansion(net_of(Cifar(depth=8, width=4, **change)), noise, count=1)
