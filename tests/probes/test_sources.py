"""A run's net at any step it kept, or before the first; and torchvision's, with or without a network."""

import numpy as np
import pytest
import torch
import torchvision

from resnet_edu import data, nets, probes
from resnet_edu.data import DataMissing, normalise
from resnet_edu.methods import METHODS
from resnet_edu.photographs import CLASSES, named
from resnet_edu.pictures import IMAGENET_KEEP, IMAGENET_SIZE, fitted, photograph, size_for
from resnet_edu.probes import sources
from resnet_edu.probes.sources import recalibrate_batchnorm, source_of
from resnet_edu.runs import ComputeRequest, RecordingConfig, Shelf, recorded
from resnet_edu.workers import train


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny):
    trained = Shelf(tmp_path_factory.mktemp("shelf")).get_or_create(tiny(steps=8, train=300, seed=5))
    train.train_run(trained, ComputeRequest(recording=RecordingConfig(keep_weights=3)))
    return trained


def test_every_step_that_was_kept_can_be_asked(run):
    kept = run.weight_steps()
    assert len(kept) == 3
    for step in kept:
        weights = run.weights(step)
        net = probes.net_of(run, step)
        assert all(np.array_equal(tensor, weights[name]) for name, tensor in net.state_dict().items())
        facts, _ = probes.answer(run, "saliency", {"image": 0, "step": step})
        assert facts["step"] == step
    assert probes.net_of(run) is probes.net_of(run, kept[-1]), "the last by default"
    maps = [probes.answer(run, "saliency", {"image": 0, "step": step})[1]["map"] for step in (0, *kept)]
    assert len({found.tobytes() for found in maps}) == 4


def test_before_the_first_step_the_net_is_as_its_seed_made_it(run):
    images = data.load(run.experiment.data)
    begun = nets.build(run.experiment.net, channels=1, side=8, classes=10, seed=5)
    net = probes.net_of(run, 0)
    assert not net.training
    for (name, tensor), (_, other) in zip(net.named_parameters(), begun.named_parameters(), strict=True):
        assert torch.equal(tensor, other), name
    inputs = normalise(images.train_images[:256], images)
    with torch.no_grad():
        trained_on = begun.train()(inputs)
        assert (net(inputs) - trained_on).abs().max() < 0.02, "as in training: by these images' statistics"
    assert all(m.momentum == 0.1 for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_a_run_without_weights_has_its_first_ones(tiny, tmp_path):
    run = Shelf(tmp_path).get_or_create(tiny(seed=9))
    facts, _ = probes.answer(run, "images", {"count": 2, "step": 0})
    assert facts["step"] == 0


@pytest.mark.parametrize("step", [1.0, "0", True, -1, 7])
def test_a_step_that_was_not_kept_is_told(run, step):
    with pytest.raises(ValueError, match=rf"step is {step!r}; {run.name} has weights at step 0, \d, \d, 8"):
        probes.answer(run, "saliency", {"image": 0, "step": step})


def test_settling_leaves_weights_other_norms_and_draws_alone(noise):
    from net_variants import built, made, shake

    from resnet_edu.experiment.net import Cifar
    from resnet_edu.experiment.parts import DropoutShortcut

    net = shake(built(made(Cifar, shortcut=DropoutShortcut(drop=0.5)))).eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    recalibrate_batchnorm(net, [net.stages[1]], normalise(noise.train_images, noise))
    changed = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("stages.1.") and "norm" in name for name in changed)
    assert {name.rsplit(".", 1)[1] for name in changed} == {
        "running_mean",
        "running_var",
        "num_batches_tracked",
    }
    assert not any(module.training for module in net.modules())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A torch.hub folder of our own, and no network."""
    from resnet_edu.probes import sources

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    sources._official.cache_clear()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    yield folder
    sources._official.cache_clear()


@pytest.fixture
def pixels():
    return fitted(photograph("china"), *IMAGENET_SIZE, IMAGENET_KEEP)


def test_a_torchvision_net_is_asked_about_a_photograph(hub, pixels):
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(weights=None).eval()
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    torch.save(theirs.state_dict(), hub / weights.url.rsplit("/", 1)[1])
    name = "torchvision:resnet-18"
    facts, arrays = probes.answer(name, "saliency", {"pixels": pixels, "method": "deep_lift"})
    inputs = torchvision.transforms.functional.normalize(
        torch.from_numpy(pixels) / 255, weights.transforms().mean, weights.transforms().std
    )
    with torch.no_grad():
        expected = theirs(inputs[None]).softmax(1)[0]
    assert facts["probabilities"] == pytest.approx(expected.tolist(), rel=1e-3)
    assert facts["class_names"][facts["predicted"]] == weights.meta["categories"][expected.argmax()]
    assert (facts["label"], facts["step"]) == (None, None)
    assert arrays["map"].shape == (3, 224, 224)
    assert facts["completeness_error"] <= 0.01, "through the pooling that overlaps, too"
    with pytest.raises(ValueError, match="this net comes without test images: give pixels"):
        probes.answer(name, "saliency", {"image": 0})
    with pytest.raises(ValueError, match=f"step is 3; {name} kept no steps: leave it out"):
        probes.answer(name, "saliency", {"pixels": pixels, "step": 3})
    assert probes.answer(name, "images", {})[0]["labels"] == []
    with pytest.raises(ValueError, match="this net comes without test images to measure on"):
        probes.answer(name, "smoothness", {})
    few = {"stages": 2, "repeats": 1}
    _, arrays = probes.answer(name, "sanity", {"pixels": pixels, "method": "grad_cam", **few})
    assert arrays["maps"].shape == (3, 1, 224, 224)


def test_without_a_network_one_line_says_what_is_missing_and_where(hub, pixels):
    with pytest.raises(
        ValueError, match=r"resnet-50: https://\S+ cannot be fetched \(no network\); save it as"
    ) as e:
        probes.answer("torchvision:resnet-50", "saliency", {"pixels": pixels})
    assert "\n" not in str(e.value)
    assert str(hub) in str(e.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("torchvision:resnet-19", "name is 'resnet-19'; official weights exist for resnet-18, resnet-34"),
        ("imagenet", "source is 'imagenet'; allowed: a run, torchvision:resnet-50 and its like, or fresh:"),
    ],
)
def test_other_sources_are_not_known(source, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        source_of(source)
    assert str(caught.value).startswith(message)


def test_the_method_s_names_are_the_words_names():
    from resnet_edu.probes.saliency import maps

    assert list(maps._METHODS) == list(METHODS)


def test_a_shipped_photograph_is_asked_about_by_name():
    """A recorded net of CIFAR-10 answers without the data set, exactly as about the same pixels."""
    run = recorded().find("resnet-20-cifar10-s0-7f30d04d350a")
    pixels = fitted(named("kingfisher").pixels(), *size_for(run.experiment.data))
    by_name, drawn = probes.answer(run, "saliency", {"photograph": "kingfisher"})
    by_pixels, same = probes.answer(run, "saliency", {"pixels": pixels})
    assert by_name == by_pixels | {"label": 2}
    assert by_name["class_names"] == list(CLASSES)
    assert np.array_equal(drawn["map"], same["map"])
    assert by_name["class_names"][by_name["predicted"]] == "bird"
    with pytest.raises(ValueError, match=r"^name is 'unicorn'; allowed: "):
        probes.answer(run, "saliency", {"photograph": "unicorn"})


def test_where_the_data_set_is_missing_a_test_image_is_refused_with_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("RESNET_EDU_DATA", str(tmp_path))
    sources._loaded.cache_clear()
    run = recorded().find("resnet-20-cifar10-s0-7f30d04d350a")
    facts, _ = probes.answer(run, "saliency", {"photograph": "moose"})
    assert facts["class_names"][facts["predicted"]] == "deer"
    with pytest.raises(DataMissing, match=r"^CIFAR-10: the file data_batch_1 is missing"):
        probes.answer(run, "saliency", {"image": 0})
