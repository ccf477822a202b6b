"""The one description of a training: written, read, named and refused."""

import dataclasses
import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_edu.cli import parser
from resnet_edu.cli.train import experiment_of
from resnet_edu.experiment import (
    Cifar,
    Cifar10,
    Dense,
    Digits,
    Experiment,
    FashionMnist,
    ImageFolder,
    Jitter,
    NoShortcut,
    PadShortcut,
    Plateau,
    ProjectionEverywhere,
    ProjectionShortcut,
    Recipe,
    named_net,
    settings_help,
)
from resnet_edu.experiment.spec import SpecError


def numbers(low, high):
    return st.floats(low, high) | st.sampled_from([low, high, -0.0 if low == 0 else low])


shortcuts = st.sampled_from([PadShortcut(), ProjectionShortcut(), ProjectionEverywhere(), NoShortcut()])
nets = st.builds(
    Cifar, depth=st.integers(1, 333).map(lambda n: 6 * n + 2), width=st.integers(1, 1024), shortcut=shortcuts
) | st.builds(
    Dense, depth=st.integers(1, 499).map(lambda n: 2 * n + 2), width=st.integers(1, 4096), shortcut=shortcuts
)
train = st.integers(0, 10_000_000)
named_data = st.one_of(
    *(st.builds(kind, train=train, side=st.integers(0, 1024)) for kind in (Digits, Cifar10, FashionMnist))
)
folders = st.builds(ImageFolder, digest=st.text(), path=st.text(), train=train, side=st.integers(8, 1024))
recipes = st.builds(
    Recipe,
    steps=st.integers(1, 10_000_000),
    batch=st.integers(2, 65_536),
    lr=numbers(0, 100),
    drops=st.lists(numbers(0, 1), max_size=4).map(tuple),
    momentum=numbers(0, 0.9999),
    weight_decay=numbers(0, 10),
    warmup=st.integers(0, 1_000_000),
    warmup_lr=numbers(0, 100),
    augment=st.booleans(),
)
jitters = st.builds(Jitter, high=st.just(0) | st.integers(2200, 4096), lighting=numbers(0, 10))
jittered = st.builds(ImageFolder, path=st.text(), side=st.integers(8, 1024), view=jitters)
plateaus = st.builds(
    Recipe,
    schedule=st.builds(Plateau, window=numbers(0, 1), gain=numbers(0, 1), falls=st.integers(0, 10)),
)


def experiments(data=None):
    seeds = st.integers(0, 2**32 - 1)
    found = st.builds(Experiment, nets, named_data | folders if data is None else data, recipes, seeds)
    return found if data is not None else found | st.builds(Experiment, nets, jittered, plateaus, seeds)


@given(experiments())
def test_json_gives_the_experiment_back(experiment):
    again = Experiment.from_json(experiment.to_json())
    assert again == experiment
    assert again.key == experiment.key


@given(experiments())
def test_a_url_gives_the_experiment_back(experiment):
    url = urllib.parse.urlencode(experiment.to_query(), errors="surrogatepass")
    query = dict(urllib.parse.parse_qsl(url, keep_blank_values=True, errors="surrogatepass"))
    again = Experiment.from_query(query)
    assert again == experiment
    assert again.key == experiment.key


@given(experiments(named_data))
def test_flags_give_the_experiment_back(experiment):
    flags = [f"--{name}={text}" for name, text in experiment.to_query().items()]
    assert experiment_of(parser().parse_args(["train", *flags])) == experiment


@given(experiments(), experiments())
def test_equal_experiments_and_no_others_have_equal_keys(one, other):
    same = one.to_dict(named_only=True) == other.to_dict(named_only=True)
    assert (one.key == other.key) == same
    assert dataclasses.replace(one) == one


@given(folders, st.text())
def test_where_a_folder_lies_is_no_part_of_the_key(folder, elsewhere):
    here, there = Experiment(data=folder), Experiment(data=dataclasses.replace(folder, path=elsewhere))
    assert here.key == there.key
    assert here.name == there.name


@pytest.mark.parametrize(
    "change",
    [{"digest": "ab"}, {"side": 64}, {"train": 5}, {"view": Jitter()}, {"view": Jitter(low=40)}],
)
def test_what_lies_in_a_folder_is_part_of_the_key(change):
    folder = ImageFolder(digest="cd", path="photographs")
    assert Experiment(data=folder).key != Experiment(data=dataclasses.replace(folder, **change)).key


def test_zeros_of_either_sign_are_one():
    assert Recipe(momentum=-0.0) == Recipe(momentum=0.0)
    assert Experiment(recipe=Recipe(momentum=-0.0)).key == Experiment(recipe=Recipe(momentum=0.0)).key


@pytest.mark.parametrize(
    ("experiment", "name"),
    [
        (Experiment(), "resnet-20-digits-s0-67d6291b3014"),
        (
            Experiment(
                Cifar(depth=56, width=8, shortcut=NoShortcut()), recipe=Recipe(steps=240, batch=64), seed=2
            ),
            "plain-56-digits-s2-9ac0820d7a7e",
        ),
        (
            Experiment(
                Cifar(depth=110, shortcut=ProjectionShortcut()), Cifar10(), Recipe(augment=True, warmup=400)
            ),
            "resnet-110-B-cifar10-s0-bcbe08fedee1",
        ),
        (
            Experiment(Cifar(depth=14, shortcut=ProjectionEverywhere()), Cifar10(train=5000, side=16)),
            "resnet-14-C-cifar10-s0-9c475bbdd246",
        ),
        (
            Experiment(Dense(depth=50), FashionMnist(), Recipe(lr=0.05, drops=()), 7),
            "dense-resnet-50-fashion-mnist-s7-5e1c40b6336d",
        ),
        (
            Experiment(Dense(shortcut=NoShortcut()), ImageFolder(digest="ab", path="/elsewhere")),
            "dense-plain-20-imagefolder-s0-1f1d00b67b5b",
        ),
    ],
)
def test_names_that_must_never_change(experiment, name):
    """A change here means that every run that was ever trained loses its name."""
    assert experiment.name == name


@pytest.mark.parametrize(
    ("text", "net"),
    [
        ("plain-20", Cifar(depth=20, shortcut=NoShortcut())),
        ("resnet-56", Cifar(depth=56)),
        ("resnet-110-B", Cifar(depth=110, shortcut=ProjectionShortcut())),
        ("resnet-8-C", Cifar(depth=8, shortcut=ProjectionEverywhere())),
        ("dense-resnet-50", Dense(depth=50)),
        ("dense-plain-6", Dense(depth=6, shortcut=NoShortcut())),
    ],
)
def test_a_net_goes_by_its_name(text, net):
    experiment = Experiment.from_query({"net": text})
    assert experiment == Experiment(net)
    assert experiment.label == text
    assert Experiment.from_query({"net": text, "width": "4"}).net == dataclasses.replace(net, width=4)
    assert set(named_net(text)) == {"net", "net.depth", "net.shortcut"}


@pytest.mark.parametrize("net", [Cifar(depth=56, width=4), Dense(depth=6, width=9)])
def test_a_twin_differs_by_the_shortcut_alone(net):
    residual = Experiment(net, Cifar10(train=9), Recipe(lr=1), 5)
    plain = residual.twin()
    assert plain.net.plain
    assert not residual.net.plain
    assert plain == dataclasses.replace(residual, net=dataclasses.replace(net, shortcut=NoShortcut()))
    assert plain.twin() == residual


def test_an_experiment_is_frozen_through_and_through():
    experiment = Experiment()
    for part, field in ((experiment, "seed"), (experiment.net, "depth"), (experiment.recipe, "lr")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, field, 1)
    assert isinstance(Recipe(drops=[0.1, 0.2]).drops, tuple)
    assert {experiment: "it can be looked up"}[Experiment()]


def test_numbers_may_come_as_text_or_as_other_numbers():
    assert Experiment(seed="3") == Experiment(seed=3.0) == Experiment(seed=3)
    assert Recipe(lr="1e-1", drops="0.5, 0.75") == Recipe()
    assert Recipe(lr="0,1") == Recipe(lr=" ,1") == Recipe(lr="1,0e-1") == Recipe()  # a decimal comma
    assert isinstance(Recipe(lr=1).lr, float)


def test_the_learning_rate_by_hand():
    recipe = Recipe(steps=8, lr=1.0, drops=(0.5, 0.75), warmup=2, warmup_lr=0.01)
    assert [recipe.lr_at(step) for step in range(8)] == pytest.approx(
        [0.01, 0.01, 1, 1, 0.1, 0.1, 0.01, 0.01], rel=1e-12
    )
    paper = Recipe()
    changes = [0, 31_999, 32_000, 47_999, 48_000, 63_999]
    assert [paper.lr_at(step) for step in changes] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    assert [Recipe(steps=4, drops=()).lr_at(step) for step in range(4)] == [0.1] * 4


KNOWN = ", ".join(settings_help())
DEPTHS = "a CIFAR net has 6n+2 layers: 8, 14, 20, 32, 44, 56, 110 …"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"net": "plain-21"}, f"depth is 21; {DEPTHS}"),
        ({"net.depth": "9"}, f"depth is 9; {DEPTHS}"),
        ({"net.depth": "5000"}, "depth is 5000; allowed: 8 … 2000"),
        ({"net": "dense", "net.depth": "7"}, "depth is 7; a dense net has 2n+2 layers, an even number"),
        (
            {"net": "vgg-16"},
            "net is 'vgg-16'; allowed: plain-N, resnet-N, dense-plain-N, dense-resnet-N, and "
            "resnet-164-pre, resnet-1001-pre, wrn-16-8, wrn-28-10, wrn-40-4",
        ),
        ({"net": "plain"}, "net is 'plain'; allowed: cifar, dense, imagenet"),
        (
            {"shortcut": "D"},
            "net.shortcut is 'D'; allowed: "
            "A, B, C, scaled, gate, shortcut-gate, conv, dropout, highway, none",
        ),
        ({"width": "wide"}, "width is 'wide'; it takes a whole number, allowed: 1 … 1024"),
        ({"data": "mnist"}, "data is 'mnist'; allowed: digits, cifar10, fashion-mnist, imagefolder"),
        ({"data": "digits", "path": "x"}, "data.path is not known; known here: train, side"),
        ({"train": "-1"}, "train is -1; allowed: 0 … 10000000"),
        ({"lr": "fast"}, "lr is 'fast'; it takes a number, allowed: 0 … 100"),
        ({"lr": "nan"}, "lr is 'nan'; it takes a number, allowed: 0 … 100"),
        ({"lr": "1e999"}, "lr is '1e999'; it takes a number, allowed: 0 … 100"),
        ({"lr": "-1"}, "lr is -1.0; allowed: 0 … 100"),
        ({"momentum": "1"}, "momentum is 1.0; allowed: 0 … 0.9999"),
        ({"steps": "0"}, "steps is 0; allowed: 1 … 10000000"),
        ({"steps": "1e9"}, "steps is 1000000000; allowed: 1 … 10000000"),
        ({"batch": "1"}, "batch is 1; allowed: 2 … 65536"),
        ({"drops": "0.5,x"}, "drops is 'x'; it takes a number, allowed: 0 … 1"),
        ({"drops": "2"}, "drops is 2.0; allowed: 0 … 1"),
        ({"augment": "maybe"}, "augment is 'maybe'; it takes true or false"),
        ({"lr": "0,1,5"}, "lr is '0,1,5'; it takes a number, allowed: 0 … 100"),
        ({"lr": "1,500"}, "lr is '1,500'; it takes a number, allowed: 0 … 100"),
        ({"seed": "1,5"}, "seed is '1,5'; it takes a whole number, allowed: 0 … 4294967295"),
        ({"seed": "1.5"}, "seed is '1.5'; it takes a whole number, allowed: 0 … 4294967295"),
        ({"seed": "4294967296"}, "seed is 4294967296; allowed: 0 … 4294967295"),
        ({"recipe": "paper"}, "recipe takes no value of its own; set recipe.… instead"),
        ({"momentun": "0.9"}, f"momentun is not known; known: {KNOWN}"),
    ],
)
def test_a_bad_query_is_told_what_is_allowed(query, message):
    with pytest.raises(SpecError) as caught:
        Experiment.from_query(query)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{'seed': 1}", "this is not JSON: Expecting property name enclosed in double quotes: line 1"),
        ("[]", "an experiment is an object with schema 1"),
        ('{"schema": 2}', "an experiment is an object with schema 1"),
        ('{"kind": "run"}', "kind is not known; known here: net, data, recipe, seed"),
        ('{"net": 5}', "net must be an object of fields, not 5"),
        ('{"net": {"kind": []}}', "net is []; allowed: cifar, dense"),
        ('{"net": {"shortcut": null}}', "net.shortcut must be an object of fields, not None"),
        ('{"recipe": {"drops": 5}}', "drops is 5; it takes numbers separated by commas"),
        ('{"recipe": {"lr": NaN}}', "lr is nan; it takes a number, allowed: 0 … 100"),
        ('{"seed": true}', "seed is True; it takes a whole number, allowed: 0 … 4294967295"),
        ('{"seed": null}', "seed is None; it takes a whole number, allowed: 0 … 4294967295"),
        (f'{{"seed": {"9" * 400}}}', f"seed is {'9' * 400}; it takes a whole number, allowed: 0 … "),
    ],
)
def test_a_bad_file_is_told_what_is_allowed(text, message):
    with pytest.raises(SpecError) as caught:
        Experiment.from_json(text)
    assert str(caught.value).startswith(message)


def test_the_json_holds_a_schema_and_no_defaults():
    assert json.loads(Experiment(seed=4).to_json()) == {"schema": 1, "seed": 4}
    assert Experiment.from_json("{}") == Experiment()
