"""Any net at its start: against its gradients by hand, the recorded runs, and what no net may be."""

import json
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from net_variants import built

from resnet_edu import data, nets, probes, runs
from resnet_edu.data import normalise
from resnet_edu.experiment import Cifar, Dense, Digits, Experiment, NoShortcut
from resnet_edu.experiment.fresh import fresh_source
from resnet_edu.experiment.parts import Bottleneck, GroupNorm, Highway, LayerNorm, NoNorm
from resnet_edu.jobs import private
from resnet_edu.probes import fresh_profile
from resnet_edu.workers import private as private_worker

NETS = {
    "residual": Cifar(depth=14, width=4),
    "plain, orthogonal": Cifar(depth=14, width=4, shortcut=NoShortcut(), init="orthogonal"),
    "group norm": Cifar(depth=8, width=4, norm=GroupNorm(2), init="xavier"),
    "layer norm": Cifar(depth=8, width=4, norm=LayerNorm()),
    "no norm": Cifar(depth=8, width=4, norm=NoNorm(), order="full-preactivation"),
    "bottleneck": Cifar(depth=11, width=4, unit=Bottleneck(), init="small-normal"),
    "dense highway": Dense(depth=8, width=6, shortcut=Highway()),
}


@pytest.mark.parametrize("name", NETS)
def test_it_is_what_backward_leaves_on_the_layers_and_at_the_units(name):
    spec = NETS[name]
    digits = data.load(Digits())
    facts, found = probes.answer(fresh_source(Experiment(net=spec, seed=3)), "fresh_profile", {"seeds": 2})
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["plain"], facts["depth"], facts["init"]) == (spec.plain, spec.depth, spec.init)
    assert list(found["seed"]) == [3, 4]
    x, labels = normalise(digits.train_images[:64], digits), digits.train_labels[:64]
    for i, seed in enumerate((3, 4)):
        net = nets.build(spec, channels=1, side=8, classes=10, seed=seed)
        trace = net.forward_intermediates(x)
        outputs = {unit: trace.intermediates[unit] for unit, _ in net.units()}
        for y in outputs.values():
            y.retain_grad()
        loss = F.cross_entropy(trace.logits, labels)
        loss.backward()
        assert found["loss"][i] == pytest.approx(loss.item(), rel=1e-5)
        for j, (layer, weight) in enumerate(nets.layers(net)):
            assert found["layer"][j] == layer
            assert found["weight_gradient"][i, j] == pytest.approx(weight.grad.norm().item(), rel=1e-3)
        assert list(found["name"]) == list(outputs)
        by_hand = [y.grad.norm().item() for y in outputs.values()]
        np.testing.assert_allclose(found["activation_gradient"][i], by_hand, rtol=1e-3)
        assert (abs(found["correlation"][i]) <= 1 + 1e-6).all()


@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_it_is_what_the_recorded_run_began_with(kind):
    """Where they can be compared: the same images, the same move, before the first step."""
    run = runs.recorded().find(f"{kind}-20-digits-s0")
    for source in (fresh_source(run.experiment), run):
        _, found = probes.answer(source, "fresh_profile", {})
        recorded = run.units().query("step == 0")
        np.testing.assert_allclose(found["activation_gradient"][0], recorded["gradient"], rtol=1e-2)
        np.testing.assert_allclose(found["correlation"][0], recorded["correlation"], atol=2e-2)


def test_other_questions_can_be_asked_of_a_fresh_net():
    source = "fresh:net=resnet-8&width=4&seed=2"
    facts, found = probes.answer(source, "skip_dial", {"alphas": 1.0})
    assert facts["step"] == 0
    _, layers = probes.answer(source, "layer_gradients", {"images": 64})
    np.testing.assert_allclose(found["weight_gradient"][0], layers["gradient"], rtol=1e-3)
    assert probes.answer(source, "lesions", {"images": 20, "step": 0})[0]["step"] == 0


def test_over_the_pipe_it_is_an_answer_like_any_other():
    question = {"run": None, "source": "fresh:net=plain-8&width=2", "probe": "fresh_profile", "arguments": {}}
    facts, found = private.unpack(private_worker.answer(question, {}))
    assert facts["net"] == "plain-8"
    assert found["weight_gradient"].shape == (1, 8)
    facts, _ = private.unpack(private_worker.answer(question | {"source": "fresh:net=plain-9"}, {}))
    assert facts["error"].startswith("depth is 9; a CIFAR net has 6n+2 layers")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("net=plain-9", "depth is 9; a CIFAR net has 6n+2 layers"),
        ("net=cifar&norm=group&width=10", "groups is 8; it must divide 10 into groups of 2 or more"),
        ("net=cifar&init=uniform", "init is 'uniform'; allowed: he, xavier"),
        (
            "data=imagefolder&path=/etc",
            "data is 'imagefolder'; a fresh net takes digits, cifar10 or fashion-mnist",
        ),
        (
            "net=resnet-110&width=500",
            "resnet-110 has 1,679 million parameters; a fresh net may have 30 million",
        ),
        ("net=resnet-1202&data.side=32", "resnet-1202 takes 2,8"),
        ("net=imagenet", "side is 8; an imagenet net takes images of 32 pixels"),
        ("colour=red", "colour is not known; known: net"),
        ("seed=" + "1" * 3000, "a fresh net takes at most 2000 characters, not 3005"),
    ],
)
def test_what_is_refused_says_why(query, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        probes.answer(f"fresh:{query}", "fresh_profile", {})


def test_a_fresh_net_has_one_step_and_a_start_that_is_known(noise):
    with pytest.raises(ValueError, match=r"step is 3; a fresh net has step 0 only"):
        probes.answer("fresh:net=plain-8&width=2", "fresh_profile", {"step": 3})
    with pytest.raises(ValueError, match=r"seeds is 9; allowed: 1 … 8"):
        probes.answer("fresh:net=plain-8&width=2", "fresh_profile", {"seeds": 9})
    unknown = built(Cifar(depth=8, width=2))
    unknown.seed = None
    with pytest.raises(ValueError, match=r"the weights that resnet-8 began with are not known"):
        fresh_profile.fresh_profile(unknown, noise)


def test_nothing_is_left_behind(noise, untouched):
    net = built(Cifar(depth=8, width=2)).eval()
    untouched(net)
    state = torch.get_rng_state()
    fresh_profile.fresh_profile(net, noise)
    assert torch.equal(torch.get_rng_state(), state)
