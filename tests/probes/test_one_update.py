"""One update, piece by piece: each split against autograd with the other way cut, and the training itself."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from net_variants import ALL, ONE_OF_EACH, built, images, label, shake

from resnet_edu import data, nets, probes
from resnet_edu.experiment import Cifar, Digits, Experiment, Plateau, Recipe
from resnet_edu.nets.stochastic import seed_stochastic_modules
from resnet_edu.probes import one_update
from resnet_edu.probes.moments import Moment, moment_of, training_batch
from resnet_edu.runs import ComputeRequest, RecordingConfig, Shelf
from resnet_edu.training.batches import make_batches
from resnet_edu.workers import train

LABELS = torch.tensor([0, 1, 2])
STOCHASTIC = Cifar(depth=14, width=4, survival=0.5)


def by_hand(net, x, cut=None):
    """Gradients by one call of backward: at each unit's input, sum and output, and of every parameter.

    `cut` is (a unit, 0 or 1): its sum's term of this number, shortcut or branch, then passes no gradient.
    """
    seen, hooks = {}, []

    def keep(name, what, tensor):
        tensor.retain_grad()
        seen[name, what] = tensor

    for name, unit in net.units():
        hooks += [
            unit.register_forward_pre_hook(lambda m, given, n=name: keep(n, "x", given[0])),
            unit.after.register_forward_pre_hook(lambda m, given, n=name: keep(n, "plus", given[0])),
            unit.register_forward_hook(lambda m, given, y, n=name: keep(n, "y", y)),
        ]
        if cut and cut[0] == name:
            detach = lambda m, terms: tuple(t.detach() if i == cut[1] else t for i, t in enumerate(terms))  # noqa: E731
            hooks.append(unit.add.register_forward_pre_hook(detach))
    seed_stochastic_modules(net, 0, 0)
    net.zero_grad(set_to_none=True)
    loss = F.cross_entropy(net(x), LABELS)
    loss.backward()
    for hook in hooks:
        hook.remove()
    weights = {p: p.grad for p in net.parameters() if p.grad is not None}
    return loss, {key: tensor.grad for key, tensor in seen.items()}, weights


def same(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("spec", [*ALL, STOCHASTIC], ids=label)
def test_every_piece_of_the_gradient_is_autograd_s(spec):
    net, x = shake(built(spec, double=True)).train(), images(double=True)
    seed_stochastic_modules(net, 0, 0)
    forward = one_update.Forward(net, x, LABELS)
    passed, parameters = forward.backward()
    loss, wanted, weights = by_hand(net, x)
    same(forward.loss, loss)
    assert set(parameters) == set(weights)
    for parameter, gradient in weights.items():
        same(parameters[parameter], gradient)
    for (name, unit), each, (opened, total) in zip(net.units(), passed, forward.units, strict=True):
        for what in ("y", "plus", "x"):
            same(getattr(each, what), wanted[name, what])
        if unit.shortcut is None:
            assert each.shortcut is None
            same(each.branch, wanted[name, "x"])
            continue
        same(each.shortcut + each.branch, wanted[name, "x"])
        same(sum(one_update._terms(opened, total)), total)
        for number, part in enumerate((each.branch, each.shortcut)):  # without the one there is the other
            _, alone, _ = by_hand(net, x, cut=(name, number))
            left = alone[name, "x"]
            same(part, torch.zeros_like(part) if left is None else left)


@pytest.mark.parametrize("spec", [ONE_OF_EACH[0], *ONE_OF_EACH[2:6]], ids=label)
def test_columns_are_the_norms_of_what_a_loop_sees(spec, noise, untouched):
    net = shake(built(spec)).eval()
    untouched(net)
    moment = Moment(Experiment(recipe=Recipe(steps=9, batch=16, weight_decay=0.01)), 0, 0.05)
    facts, columns = one_update.one_update(net, noise, moment)
    twin = copy.deepcopy(net).train()
    inputs, labels = training_batch(moment.experiment, noise, 0)
    optimizer = torch.optim.SGD(twin.parameters(), 0.05, momentum=0.9, weight_decay=0.01)
    loss = F.cross_entropy(twin(inputs), labels)
    loss.backward()
    before = {name: weight.detach().clone() for name, weight in nets.layers(twin)}
    optimizer.step()
    assert facts["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert facts["loss_after"] == pytest.approx(F.cross_entropy(twin(inputs), labels).item(), rel=1e-3)
    assert list(columns["layer"]) == list(before)
    for i, (name, weight) in enumerate(nets.layers(twin)):
        assert columns["gradient"][i] == pytest.approx(weight.grad.norm().item(), rel=1e-3, abs=1e-7)
        assert columns["weight"][i] == pytest.approx(before[name].norm().item(), rel=1e-5)
        assert columns["update"][i] == pytest.approx((weight - before[name]).norm().item(), rel=1e-3)
    fresh = copy.deepcopy(net).train()
    x = fresh.stem(inputs)
    for i, (name, unit) in enumerate(fresh.units()):
        y = unit(x)
        assert columns["name"][i] == name
        assert columns["x"][i] == pytest.approx(x.norm().item(), rel=1e-4)
        assert columns["y"][i] == pytest.approx(y.norm().item(), rel=1e-4)
        x = y
    residual = ["shortcut", "grad_shortcut", "cosine"]
    assert all(np.isnan(columns[name]).all() == spec.plain for name in residual)
    both = columns["grad_shortcut"] ** 2 + columns["grad_branch"] ** 2
    both += 2 * columns["cosine"] * columns["grad_shortcut"] * columns["grad_branch"]
    wanted = columns["grad_branch"] if spec.plain else np.sqrt(both)
    np.testing.assert_allclose(columns["grad_x"], wanted, rtol=1e-4)
    np.testing.assert_allclose(columns["grad_x"][1:], columns["grad_y"][:-1], rtol=1e-6)


def trained(folder, experiment):
    run = Shelf(folder).get_or_create(experiment)
    train.train_run(run, ComputeRequest(recording=RecordingConfig(every_step=True, keep_weights=4)))
    return run


@pytest.mark.parametrize(
    "settings", [{}, {"plain": True}, {"augment": True, "schedule": Plateau(window=0.2)}, "draws"], ids=str
)
def test_it_is_the_update_that_the_training_made(tiny, tmp_path, settings):
    """Loss, gradients and learning rate as recorded at each step with weights; at step 0, all of it."""
    experiment = tiny(steps=8, train=40, lr=0.05, **({} if settings == "draws" else settings))
    if settings == "draws":
        experiment = dataclasses.replace(experiment, net=Cifar(depth=14, width=4, survival=0.5))
    run = trained(tmp_path, experiment)
    steps, layers = run.steps().set_index("step"), run.layers()
    for step in (0, *run.weight_steps()[:-1]):
        facts, columns = probes.answer(run, "one_update", {"step": step})
        assert facts["loss"] == pytest.approx(steps["loss"][step], rel=1e-4)
        assert facts["lr"] == pytest.approx(steps["lr"][step])
        rows = layers[layers["step"] == step]
        assert list(rows["name"]) == list(columns["layer"])
        np.testing.assert_allclose(columns["gradient"], rows["gradient"], rtol=2e-3)
        assert facts["momentum_left_out"] == (step > 0)
        if step == 0:
            np.testing.assert_allclose(columns["update"], rows["update"], rtol=2e-3)
            assert facts["replayed"].startswith("This update as the training made it")
        else:
            assert "momentum of earlier steps" in facts["replayed"]
    facts, _ = probes.answer(run, "one_update", {})
    assert facts["ended"]
    assert facts["replayed"].startswith("The training ended after 8 updates. This is the one that would have")
    assert facts["lr"] == pytest.approx(steps["lr"][7])


@pytest.mark.parametrize("augment", [False, True])
def test_the_batch_is_the_one_that_the_training_takes(augment):
    experiment = Experiment(data=Digits(train=50), recipe=Recipe(steps=20, batch=16, augment=augment), seed=4)
    images_of = data.load(experiment.data)
    source = make_batches(experiment, images_of, torch.contiguous_format, 20)
    source.begin(0, 20)
    for step in range(20):  # over the ends of epochs
        source.prefetch(step)
        for found, wanted in zip(
            training_batch(experiment, images_of, step), source.get(torch.tensor([step])), strict=True
        ):
            assert torch.equal(found, wanted)


def test_of_a_net_that_was_never_trained():
    source = "fresh:net=plain-8&width=4&recipe.lr=0.02&recipe.batch=8"
    facts, columns = probes.answer(source, "one_update", {})
    assert (facts["step"], facts["lr"], facts["images"], facts["plain"]) == (0, 0.02, 8, True)
    assert np.isnan(columns["cosine"]).all()


def test_of_a_net_that_others_trained_nothing_is_known():
    with pytest.raises(ValueError, match=r"torchvision:resnet-50 was not trained here: its batches"):
        moment_of("torchvision:resnet-50", None)
    with pytest.raises(ValueError, match=r"one_update: got an unexpected keyword argument 'images'"):
        probes.answer("fresh:net=plain-8&width=2", "one_update", {"images": 3})
    with pytest.raises(ValueError, match=r"one_update: .*moment"):
        probes.answer("fresh:net=plain-8&width=2", "one_update", {"moment": 3})


def test_draws_are_the_step_s_own_and_disturb_no_others(noise):
    net = built(Cifar(depth=14, width=4, survival=0.3)).eval()
    moment = Moment(Experiment(net=net.spec, recipe=Recipe(steps=9, batch=16)), 3, 0.1)
    state = torch.get_rng_state()
    first, again = (one_update.one_update(net, noise, moment)[1] for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    for name, column in first.items():
        np.testing.assert_array_equal(column, again[name])
    assert (first["grad_branch"] == 0).any(), "a branch was dropped"
