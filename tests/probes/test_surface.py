"""Slices of the loss against points computed by hand from state dicts; and what must not change them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_edu import nets, probes
from resnet_edu.data import load, normalise
from resnet_edu.experiment import Dense
from resnet_edu.measure import Errors, errors
from resnet_edu.probes import directions, surface
from resnet_edu.randomness import generator_for
from resnet_edu.runs import Shelf
from resnet_edu.workers import train

IMAGES = 48


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def trained(shelf, tiny):
    """`trained("plain")`, `trained("residual")` or `trained("dense")`, once each."""

    def trained_once(kind: str):
        experiment = tiny(plain=kind == "plain", steps=20)
        if kind == "dense":
            experiment = dataclasses.replace(experiment, net=Dense(depth=4, width=8))
        run = shelf.get_or_create(experiment)
        if not run.status().complete:
            train.train_run(run)
        return run

    return trained_once


@pytest.fixture(params=["plain", "residual", "dense"])
def run(request, trained):
    return trained(request.param)


def asked(run, probe: str, **arguments):
    return probes.answer(run, f"loss_{probe}", {"images": IMAGES, **arguments})


def by_hand(run, steps: list[tuple[float, int]], *, seed: int = 0, train: bool = False):
    """Loss and error at θ + Σ step · d, filter by filter, in a net of its own; `steps` are (step, axis)."""
    digits, net = load(run.experiment.data), nets.assemble(run.experiment.net, channels=1, side=8, classes=10)
    state = {name: torch.from_numpy(array).clone() for name, array in run.weights().items()}
    for name, _ in net.named_parameters():
        weight = state[name].clone()
        if weight.dim() == 1:
            continue
        for step, axis in steps:
            drawn = torch.randn(weight.shape, generator=generator_for(seed, "direction", axis, name))
            for j in range(len(weight)):
                length = drawn[j].square().sum().sqrt()
                state[name][j] += step * drawn[j] * weight[j].square().sum().sqrt() / length
    net.load_state_dict(state)
    net.train(train)
    with torch.no_grad():
        logits = net(normalise(digits.train_images[:IMAGES], digits))
    labels = digits.train_labels[:IMAGES]
    loss = -sum(F.log_softmax(row, 0)[label] for row, label in zip(logits, labels, strict=True)) / IMAGES
    return loss.item(), 100 * (logits.argmax(1) != labels).double().mean().item()


@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_a_plane_s_points_are_those_computed_by_hand(run, statistics):
    facts, arrays = asked(run, "plane", points=5, span=0.8, seed=3, statistics=statistics)
    assert arrays["loss"].shape == arrays["error"].shape == (5, 5)
    assert arrays["loss"].dtype == np.float32
    np.testing.assert_allclose(arrays["at"], [-0.8, -0.4, 0, 0.4, 0.8], atol=1e-12)
    for row, column in ((0, 4), (1, 1), (2, 2), (4, 3)):
        steps = [(arrays["at"][column], 0), (arrays["at"][row], 1)]
        loss, error = by_hand(run, steps, seed=3, train=statistics == "batch")
        assert arrays["loss"][row, column] == pytest.approx(loss, rel=1e-4)
        assert arrays["error"][row, column] == pytest.approx(error, abs=1e-4)
    assert facts["centre_loss"] == pytest.approx(arrays["loss"][2, 2], rel=1e-6)
    told = {name: facts[name] for name in ("images", "points", "span", "seed", "statistics")}
    assert told == {"images": IMAGES, "points": 5, "span": 0.8, "seed": 3, "statistics": statistics}


def test_a_line_is_the_plane_s_middle_row(run):
    line, plane = asked(run, "line", points=5)[1], asked(run, "plane", points=5)[1]
    for name in ("loss", "error"):
        assert line[name].shape == (5,)
        np.testing.assert_array_equal(line[name], plane[name][2])


def test_the_centre_is_what_training_recorded(run):
    facts, _ = asked(run, "line", images=64, points=3)
    last = run.evals().iloc[-1]
    assert facts["centre_loss"] == pytest.approx(last["train_loss"], rel=1e-6)
    assert facts["centre_error"] == last["train_error"]


def test_statistics_of_the_batch_are_those_of_training(trained):
    run = trained("plain")
    facts, _ = asked(run, "line", points=3, statistics="batch")
    digits = load(run.experiment.data)
    seen = digits.train_images[:IMAGES], digits.train_labels[:IMAGES]
    measured = errors(probes.net_of(run), digits, *seen, batch=IMAGES, batch_statistics=True)
    assert facts["centre_loss"] == pytest.approx(measured.loss)
    assert facts["centre_loss"] != asked(run, "line", points=3)[0]["centre_loss"]


@pytest.mark.parametrize("axis", [0, 1])
def test_each_filter_of_a_direction_has_its_weights_norm_and_nothing_else_moves(run, axis):
    net = probes.net_of(run)
    direction = directions.random_direction(dict(net.named_parameters()), 7, axis)
    for name, weight in net.named_parameters():
        if weight.dim() == 1:
            assert name not in direction, "norms and biases stay where they are"
            continue
        for ours, theirs in zip(direction[name], weight, strict=True):
            assert ours.norm().item() == pytest.approx(theirs.norm().item(), rel=1e-5)
    assert len(direction) == run.experiment.net.depth


def test_a_filter_of_zeros_stays_one():
    weight = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    direction = directions.filter_normalised(torch.tensor([[1.0, 1.0], [0.0, 2.0]]), weight)
    assert direction.tolist() == [[0, 0], [0, 5]]


def test_twins_are_moved_along_the_same_draws(trained):
    plain, residual = (
        dict(probes.net_of(trained(kind)).named_parameters()) for kind in ("plain", "residual")
    )
    ours, theirs = (directions.random_direction(weights, 0, 1) for weights in (plain, residual))
    assert ours.keys() == theirs.keys()
    for name in ours:
        cosines = F.cosine_similarity(ours[name].flatten(1), theirs[name].flatten(1))
        np.testing.assert_allclose(cosines, 1, rtol=1e-5)
    other = directions.random_direction(plain, 1, 1)
    assert abs(directions.cosine(ours, other)) < 0.5
    assert directions.cosine(ours, ours) == pytest.approx(1)


@pytest.fixture(scope="module")
def slices_of(trained):
    run = trained("residual")
    return surface._Slices(probes.net_of(run), load(run.experiment.data), IMAGES, "running")


@given(a=st.floats(-1, 1), b=st.floats(-1, 1), seed=st.integers(0, 99))
@settings(max_examples=10)
def test_a_turned_direction_is_walked_the_other_way_and_the_axes_can_be_swapped(slices_of, a, b, seed):
    slices = slices_of
    across, along = (slices.direction(seed, axis) for axis in (0, 1))
    here = slices.moved((a, across), (b, along))
    turned = slices.moved((-a, {name: -tensor for name, tensor in across.items()}), (b, along))
    swapped = slices.moved((b, along), (a, across))
    assert turned.loss == pytest.approx(here.loss, rel=1e-4)
    assert swapped.loss == pytest.approx(here.loss, rel=1e-4)
    assert slices.moved() == slices.measured(), "and the way back is exact"


@given(scale=st.floats(0.2, 5), seed=st.integers(0, 99))
@settings(max_examples=8)
def test_rescaled_filters_give_the_same_slice(trained, scale, seed):
    """What filter normalisation is for (Li 2018 §3): a normalised net does not feel the scale of its
    filters, so neither may the picture."""
    run = trained("plain")
    net = nets.assemble(run.experiment.net, channels=1, side=8, classes=10)
    state = {name: torch.from_numpy(array).clone() for name, array in run.weights().items()}
    drawn = torch.Generator().manual_seed(seed)
    for weight in state.values():
        if weight.dim() == 4:
            factors = 1 + (scale - 1) * torch.rand(len(weight), generator=drawn)
            weight.mul_(factors.view(-1, 1, 1, 1))
    net.load_state_dict(state)
    digits = load(run.experiment.data)
    *_, ours = surface.line(net, digits, images=IMAGES, points=5, seed=seed, statistics="batch")
    theirs = asked(run, "line", points=5, seed=seed, statistics="batch")[1]
    np.testing.assert_allclose(ours.arrays["loss"], theirs["loss"], rtol=2e-3)


@pytest.mark.parametrize(
    ("probe", "arguments"),
    [("plane", {"points": 5}), ("line", {"points": 7}), ("interpolation", {"points": 3, "start": 0})],
)
def test_what_was_kept_is_gone_on_from(run, probe, arguments):
    whole = asked(run, probe, **arguments)[1]
    growing = probes.iter_answer(run, f"loss_{probe}", {"images": IMAGES, **arguments})
    for done in (1, 2):
        partial = next(growing)
        assert partial.done == done
        assert np.isfinite(partial.arrays["loss"]).any(axis=0 if probe == "plane" else None).sum() >= 1
    kept = {name: array.copy() for name, array in partial.arrays.items()}
    rest = list(probes.iter_answer(run, f"loss_{probe}", {"images": IMAGES, **arguments}, kept))
    assert [each.done for each in rest] == list(range(3, partial.total + 1))
    for name in ("loss", "error", "at"):
        np.testing.assert_array_equal(rest[-1].arrays[name], whole[name])
    assert rest[-1].arrays.keys() == {"loss", "error", "at"}


def test_what_does_not_fit_is_not_gone_on_from(trained):
    run = trained("plain")
    growing = probes.iter_answer(run, "loss_line", {"images": IMAGES, "points": 5})
    kept = dict(next(growing).arrays)
    for other in (kept, {"loss": kept["loss"]}, kept | {"finished": np.ones(7, bool)}):
        first = next(probes.iter_answer(run, "loss_line", {"images": IMAGES, "points": 7}, other))
        assert (first.done, first.total) == (1, 7)


def test_an_interpolation_runs_from_the_initial_weights_to_the_trained_ones(run):
    digits = load(run.experiment.data)
    seen = digits.train_images[:IMAGES], digits.train_labels[:IMAGES]
    initial = nets.build(run.experiment.net, channels=1, side=8, classes=10, seed=run.experiment.seed)
    between = {
        name: 0.5 * (tensor + dict(probes.net_of(run).named_parameters())[name])
        for name, tensor in initial.named_parameters()
    }
    facts, arrays = asked(run, "interpolation", start=run.experiment.seed, points=3)
    np.testing.assert_array_equal(arrays["at"], [-0.5, 0, 0.5, 1, 1.5])
    ends = [errors(net, digits, *seen, batch=IMAGES, batch_statistics=True).loss for net in (initial,)]
    initial.load_state_dict(between, strict=False)
    ends.append(errors(initial, digits, *seen, batch=IMAGES, batch_statistics=True).loss)
    np.testing.assert_allclose(arrays["loss"][1:3], ends, rtol=1e-4)
    assert arrays["loss"][3] == pytest.approx(facts["centre_loss"], rel=1e-5)
    assert facts["statistics"] == "batch"


def test_the_net_that_is_asked_stays_as_it_is(run):
    net = probes.net_of(run)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    growing = probes.iter_answer(run, "loss_plane", {"images": IMAGES, "points": 3, "statistics": "batch"})
    next(growing)  # others are asked meanwhile
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    growing.close()
    assert not net.training


def test_a_loss_that_is_not_finite_is_nan(trained, monkeypatch):
    monkeypatch.setattr(surface, "errors", lambda *_, **__: Errors(90.0, math.inf))
    facts, arrays = asked(trained("plain"), "plane", points=3)
    assert np.isnan(arrays["loss"]).all()
    assert np.isnan(arrays["error"]).all()
    assert facts["area_above"] == {"0.1": 100, "1": 100}


def plane_of(function) -> tuple[np.ndarray, np.ndarray]:
    at = np.linspace(-1, 1, 21)
    return function(at[None, :], at[:, None]), at


def test_the_numbers_of_a_bowl_and_of_a_saddle():
    loss, at = plane_of(lambda a, b: 0.5 + 2 * a**2 + 3 * b**2)
    bowl = surface.sharpness(loss, at, 0.5)
    assert bowl["curvature"] == pytest.approx([4, 6])
    assert bowl["nonconvex"] == 0
    assert bowl["area_above"]["1"] == pytest.approx(
        100 * (2 * at[None] ** 2 + 3 * at[:, None] ** 2 > 1).mean()
    )
    assert bowl["area_above"]["0.1"] > bowl["area_above"]["1"]
    loss, at = plane_of(lambda a, b: 0.5 + a**2 - b**2)
    saddle = surface.sharpness(loss, at, 0.5)
    assert saddle["curvature"] == pytest.approx([2, -2])
    assert saddle["nonconvex"] == 100
    loss, at = plane_of(lambda a, b: 0.5 + a**2 + b**2 + 3 * a * b)  # bent only between the axes
    assert surface.sharpness(loss, at, 0.5)["nonconvex"] == 100


def test_points_that_are_not_finite_count_as_above_and_have_no_curvature():
    loss, at = plane_of(lambda a, b: np.where(a > 0.8, np.nan, a**2 + b**2))
    told = surface.sharpness(loss, at, 0.0)
    assert told["nonconvex"] == 0
    assert told["area_above"]["1"] > 100 * 2 / 21
    nothing = surface.sharpness(np.full((5, 5), np.nan), np.linspace(-1, 1, 5), math.nan)
    assert nothing["nonconvex"] is None


@pytest.mark.parametrize(
    ("probe", "arguments", "message"),
    [
        ("plane", {"points": 4}, "points is 4; allowed: odd numbers, 3 … 201"),
        ("plane", {"points": 1}, "points is 1; allowed: odd numbers, 3 … 201"),
        ("line", {"points": 203}, "points is 203; allowed: odd numbers, 3 … 201"),
        ("line", {"points": 3.5}, "points is 3.5; allowed: odd numbers, 3 … 201"),
        ("line", {"points": "5"}, "points is '5'; allowed: odd numbers, 3 … 201"),
        ("interpolation", {"points": 2, "start": 0}, "points is 2; allowed: odd numbers, 3 … 201"),
        ("plane", {"span": 0}, "span is 0; allowed: above 0, to 100"),
        ("plane", {"span": math.nan}, "span is nan; allowed: above 0, to 100"),
        ("plane", {"span": "1"}, "span is '1'; allowed: above 0, to 100"),
        ("line", {"span": 101}, "span is 101; allowed: above 0, to 100"),
        ("plane", {"images": 1}, "images is 1; allowed: 2 … 64"),
        ("plane", {"images": None}, "images is None; allowed: 2 … 64"),
        ("plane", {"images": 65}, "images is 65; allowed: 2 … 64"),
        ("plane", {"statistics": "none"}, "statistics is 'none'; allowed: running, batch"),
        ("plane", {"kept": {}}, "loss_plane: "),
        ("interpolation", {}, "loss_interpolation: missing a required"),
        ("plane", {"colour": 1}, "loss_plane: got an unexpected keyword argument 'colour'"),
    ],
)
def test_what_cannot_be_asked(trained, probe, arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        asked(trained("plain"), probe, **arguments)
    assert str(caught.value).startswith(message)
