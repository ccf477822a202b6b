"""Attributions against autograd and a path walked by hand; and what cannot be asked."""

import dataclasses

import numpy as np
import pytest
import torch

from resnet_edu import probes
from resnet_edu.data import load, normalise
from resnet_edu.experiment import Dense
from resnet_edu.methods import METHODS
from resnet_edu.runs import RunError, Shelf
from resnet_edu.workers import train


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module", params=["plain", "residual", "dense"])
def run(request, shelf, tiny):
    experiment = tiny(plain=request.param == "plain", width=4, steps=20, train=128)
    if request.param == "dense":
        experiment = dataclasses.replace(experiment, net=Dense(depth=4, width=8))
    trained = shelf.get_or_create(experiment)
    train.train_run(trained)
    return trained


@pytest.fixture
def digits(run):
    return load(run.experiment.data)


def test_a_saliency_is_the_gradient_s_absolute_value(run, digits):
    facts, arrays = probes.answer(run, "saliency", {"image": 5, "target": 3})
    inputs = normalise(digits.test_images[5:6], digits).requires_grad_()
    probes.net_of(run)(inputs)[0, 3].backward()
    assert arrays["map"].dtype == np.float32
    assert arrays["map"].shape == (1, 8, 8)
    np.testing.assert_allclose(arrays["map"], inputs.grad[0].abs().numpy(), rtol=1e-4, atol=1e-6)
    assert np.array_equal(arrays["image"], digits.test_images[5].numpy())
    assert facts["target"] == 3
    assert facts["completeness_error"] is None


def test_integrated_gradients_are_those_of_a_path_walked_by_hand(run, digits):
    facts, arrays = probes.answer(run, "saliency", {"image": 2, "method": "integrated_gradients"})
    net, inputs = probes.net_of(run), normalise(digits.test_images[2:3], digits)
    shares = (torch.arange(3000) + 0.5) / 3000
    path = (shares.view(-1, 1, 1, 1) * inputs).requires_grad_()
    net(path)[:, facts["target"]].sum().backward()
    slow = (inputs * path.grad.double().mean(0)).detach()[0].numpy()
    scale = np.abs(slow).max()
    np.testing.assert_allclose(arrays["map"], slow, atol=0.03 * scale)
    with torch.no_grad():
        difference = (net(inputs) - net(torch.zeros_like(inputs)))[0, facts["target"]].item()
    assert abs(arrays["map"].sum() - difference) <= max(facts["completeness_error"], 1e-4) * 1.01 * abs(
        difference
    )


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.complete])
def test_what_promises_to_add_up_does_within_a_hundredth(run, digits, method):
    told = 0
    for image in range(12):
        facts, arrays = probes.answer(run, "saliency", {"image": image, "method": method})
        net, inputs = probes.net_of(run), normalise(digits.test_images[image : image + 1], digits)
        with torch.no_grad():
            difference = (net(inputs) - net(torch.zeros_like(inputs)))[0, facts["target"]].item()
        assert facts["difference"] == pytest.approx(difference, abs=1e-5)
        missed = abs(arrays["map"].sum(dtype=np.float64) - difference)
        assert facts["completeness_error"] * abs(difference) == pytest.approx(missed, abs=1e-5)
        if abs(difference) > 0.1:  # a hundredth of nothing is less than float32 can tell
            assert missed <= 0.01 * abs(difference)
            told += 1
    assert told > 3


def test_the_facts_are_of_the_image_and_of_what_the_net_says(run, digits):
    facts, _ = probes.answer(run, "saliency", {"image": 7})
    with torch.no_grad():
        logits = probes.net_of(run)(normalise(digits.test_images[7:8], digits))[0]
    assert facts["label"] == facts["target"] == digits.test_labels[7]
    assert facts["predicted"] == logits.argmax()
    assert facts["probabilities"] == pytest.approx(logits.softmax(0).tolist(), rel=1e-5)
    assert sum(facts["probabilities"]) == pytest.approx(1)
    assert facts["class_names"] == list("0123456789")
    assert (facts["method"], facts["unit"], facts["step"]) == ("saliency", None, 20)
    assert facts["units"] == [name for name, _ in probes.net_of(run).units()]


def test_the_first_images_and_what_the_net_says_of_them(run, digits):
    facts, arrays = probes.answer(run, "images", {"count": 5})
    assert np.array_equal(arrays["images"], digits.test_images[:5].numpy())
    assert facts["labels"] == digits.test_labels[:5].tolist()
    with torch.no_grad():
        predicted = probes.net_of(run)(normalise(digits.test_images[:5], digits)).argmax(1)
    assert facts["predicted"] == predicted.tolist()
    assert len(probes.answer(run, "images", {})[0]["labels"]) == 24


def test_own_pixels_are_asked_about_as_a_test_image_is(run, digits):
    pixels = digits.test_images[3].numpy()
    theirs, own = ({"image": 3}, {"pixels": pixels})
    for method in ("saliency", "occlusion"):
        asked = {"method": method, "target": 4}
        (facts, arrays), (ours, our_arrays) = (
            probes.answer(run, "saliency", which | asked) for which in (theirs, own)
        )
        assert np.array_equal(arrays["map"], our_arrays["map"])
        assert np.array_equal(arrays["image"], our_arrays["image"])
        assert (facts["label"], ours["label"]) == (digits.test_labels[3], None)
        assert facts["probabilities"] == ours["probabilities"]
    facts, _ = probes.answer(run, "saliency", own)
    assert facts["target"] == facts["predicted"], "what the net says, since nobody knows better"


def test_the_net_is_the_trained_one_and_is_kept(run):
    net, weights = probes.net_of(run), run.weights()
    assert not net.training
    assert probes.net_of(run) is net, "this is what a warm worker is for"
    assert all(np.array_equal(tensor, weights[name]) for name, tensor in net.state_dict().items())


def test_a_net_of_half_precision_weights_answers_too(run, tmp_path):
    from resnet_edu.runs import files, pack

    files.write_json(
        run.path / files.HOW, run.compute.to_dict() | {"commit": "0123456789ab"}
    )  # whatever it was
    packed = pack(run, tmp_path, weights="last")
    exact, rough = (probes.answer(found, "saliency", {"image": 1})[1]["map"] for found in (run, packed))
    np.testing.assert_allclose(rough, exact, atol=0.05 * exact.max())


@pytest.mark.parametrize(
    ("probe", "arguments", "message"),
    [
        ("x-ray", {}, "probe is 'x-ray'; allowed: saliency, images"),
        ("saliency", {"image": 297}, "image is 297; allowed: 0 … 296"),
        ("saliency", {"image": -1}, "image is -1; allowed: 0 … 296"),
        ("saliency", {"image": "3"}, "image is '3'; allowed: 0 … 296"),
        ("saliency", {"image": True}, "image is True; allowed: 0 … 296"),
        ("saliency", {"image": 0, "target": 10}, "target is 10; allowed: 0 … 9"),
        ("saliency", {"image": 0, "target": -1}, "target is -1; allowed: 0 … 9"),
        ("saliency", {"image": 0, "method": "lrp"}, "method is 'lrp'; allowed: saliency, input_x_gradient"),
        ("saliency", {}, "give the number of a test image as image, or pixels: one of the two"),
        ("saliency", {"image": 0, "pixels": np.zeros((1, 8, 8), np.uint8)}, "give the number of a test"),
        ("saliency", {"pixels": [[0]]}, "pixels are list; this net takes uint8 (1, 8, 8)"),
        ("saliency", {"pixels": np.zeros((3, 8, 8), np.uint8)}, "pixels are uint8 (3, 8, 8); this net takes"),
        ("saliency", {"pixels": np.zeros((1, 8, 8))}, "pixels are float64 (1, 8, 8); this net takes uint8"),
        ("saliency", {"image": 0, "colour": 1}, "saliency: got an unexpected keyword argument 'colour'"),
        ("saliency", {"image": 0, "unit": "stages.0.0"}, "unit is 'stages.0.0'; saliency looks at no unit"),
        ("images", {"count": 0}, "count is 0; allowed: 1 … 10000"),
        ("smoothness", {"count": 1.5}, "count is 1.5; allowed: 1 … 10000"),
        ("sanity", {"image": 0, "stages": 0}, "stages is 0; allowed: 1 … 100"),
        ("sanity", {"image": 0, "repeats": 21}, "repeats is 21; allowed: 1 … 20"),
        ("trust", {"image": 0, "method": "gaze"}, "method is 'gaze'; allowed: saliency"),
    ],
)
def test_what_cannot_be_asked(run, probe, arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        probes.answer(run, probe, arguments)
    assert str(caught.value).startswith(message)


def test_a_run_without_weights_has_no_answers(tiny, tmp_path):
    run = Shelf(tmp_path).get_or_create(tiny(seed=9))
    with pytest.raises(RunError, match="kept no weights"):
        probes.answer(run, "saliency", {"image": 0})
