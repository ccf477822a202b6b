import dataclasses

import pytest

from resnet_edu.experiment import Cifar, Cifar10, Dense, Digits, Recipe, budgets
from resnet_edu.experiment.spec import SpecError


@pytest.mark.parametrize(
    ("budget", "data", "width", "recipe"),
    [
        ("minute", Digits(), 8, Recipe(steps=240, batch=64, lr=0.1, drops=(0.5, 0.75))),
        ("lesson", Digits(), 8, Recipe(steps=1000, batch=128)),
        ("lesson-cifar", Cifar10(train=5000, side=16), 16, Recipe(steps=1500, batch=128)),
        ("quarter", Cifar10(), 16, Recipe(steps=16_000, augment=True)),
        ("paper", Cifar10(), 16, Recipe(steps=64_000, batch=128, weight_decay=1e-4, augment=True)),
    ],
)
def test_a_budget_fixes_data_width_and_recipe(budget, data, width, recipe):
    experiment = budgets.at(budget, "plain-20", seed=3)
    assert (experiment.data, experiment.net.width, experiment.recipe) == (data, width, recipe)
    assert (experiment.seed, experiment.net.plain) == (3, True)


def test_the_paper_drops_the_learning_rate_at_32k_and_48k():
    recipe = budgets.at("paper", "resnet-20").recipe
    rates = [recipe.lr_at(step) for step in (0, 31_999, 32_000, 47_999, 48_000, 63_999)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_a_quarter_is_the_papers_recipe_with_a_quarter_of_its_steps():
    quarter, paper = (budgets.at(budget, "plain-56") for budget in ("quarter", "paper"))
    assert 4 * quarter.recipe.steps == paper.recipe.steps
    assert dataclasses.replace(quarter, recipe=paper.recipe) == paper
    assert dataclasses.replace(quarter.recipe, steps=paper.recipe.steps) == paper.recipe


@pytest.mark.parametrize(
    ("budget", "net", "warmup"),
    [
        ("quarter", "plain-110", 400),
        ("paper", "resnet-56", 0),
        ("paper", "resnet-110", 400),
        ("paper", "plain-110", 400),
        ("minute", "plain-110", 0),
    ],
)
def test_only_the_papers_deepest_nets_warm_up(budget, net, warmup):
    recipe = budgets.at(budget, net).recipe
    assert recipe.warmup == warmup
    assert recipe.lr_at(0) == pytest.approx(0.01 if warmup else 0.1)


def test_a_net_in_full_is_taken_as_it_is():
    for net in (Cifar(depth=14, width=5), Dense(depth=50, width=32)):
        assert budgets.at("minute", net).net == net
    assert budgets.at("minute", "dense-resnet-50").net == Dense(depth=50)


def test_every_budget_has_its_help():
    assert budgets.BUDGETS == ("minute", "lesson", "lesson-cifar", "quarter", "paper")
    assert (*budgets.BUDGETS, "imagenet") == budgets.NAMES
    assert all(budgets.get(name).help.endswith(".") for name in budgets.NAMES)


@pytest.mark.parametrize(
    ("budget", "net", "message"),
    [
        (
            "hour",
            "plain-20",
            "budget is 'hour'; allowed: minute, lesson, lesson-cifar, quarter, paper, imagenet",
        ),
        ("minute", "vgg-19", "net is 'vgg-19'; allowed"),
        ("minute", "plain-21", "6n\\+2"),
    ],
)
def test_unknown_names_are_told_what_is_allowed(budget, net, message):
    with pytest.raises(SpecError, match=message):
        budgets.at(budget, net)
