"""A learning rate that falls when the loss stays: the rule, its memory, and training by it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from trainings import same

from resnet_edu.experiment import Plateau, Recipe
from resnet_edu.training import loop
from resnet_edu.training.plateau import STATE, Falls

TWENTIETHS = Recipe(steps=40, schedule=Plateau(window=0.05, gain=0.1, falls=2))  # windows of two steps


def by_hand(losses: list[float], window: int, gain: float, most: int) -> list[int]:
    """How often the rate has fallen after each step, from the words of `Plateau`."""
    falls, means, after = 0, [], []
    for step in range(len(losses)):
        if (step + 1) % window == 0:
            mean = sum(losses[step + 1 - window : step + 1]) / window
            if means and mean > (1 - gain) * min(means) and falls < most:
                falls += 1
            means.append(mean)
        after.append(falls)
    return after


@given(
    st.lists(st.floats(0, 5, width=16), min_size=1, max_size=60),
    st.integers(1, 9),
    st.sampled_from([0.0, 0.01, 0.5]),
    st.integers(0, 3),
)
def test_it_is_the_rule(losses: list[float], window: int, gain: float, most: int) -> None:
    recipe = Recipe(steps=720, schedule=Plateau(window=window / 720, gain=gain, falls=most))
    falls, found = Falls(recipe), []
    assert falls.window == window
    for loss in losses:
        falls.see([loss])
        found.append(falls.count)
    assert found == by_hand(losses, window, gain, most)


@given(st.lists(st.floats(0, 5, width=32), min_size=8, max_size=8), st.integers(0, 8))
def test_what_it_remembers_is_all_that_matters(losses: list[float], stopped: int) -> None:
    whole, first, second = Falls(TWENTIETHS), Falls(TWENTIETHS), Falls(TWENTIETHS)
    for loss in losses:
        whole.see([loss])
    for loss in losses[:stopped]:
        first.see([loss])
    second.load(first.state())
    for loss in losses[stopped:]:
        second.see([loss])
    assert torch.equal(whole.state()[STATE], second.state()[STATE])


def test_fixed_steps_need_no_memory() -> None:
    falls = Falls(Recipe())
    falls.see([1.0, math.nan])
    assert falls.state() == {}
    assert falls.next(7) > 10**9
    assert falls.count == 0


def test_the_rate_that_is_written_follows_from_the_losses_that_are_written(train, tiny) -> None:
    experiment = tiny(steps=40, lr=0.3, schedule=TWENTIETHS.schedule)
    trained = train(experiment)
    falls = [0, *by_hand(trained.losses(), 2, 0.1, 2)]
    assert max(falls) > 0, "else this shows nothing"
    rates = [row["lr"] for row in trained.steps]
    assert rates == pytest.approx([0.3 * 0.1**n for n in falls[:-1]])


def test_the_rate_that_is_written_is_the_one_that_is_used(train, tiny) -> None:
    recipe = {"momentum": 0.0, "weight_decay": 0.0, "schedule": Plateau(window=0.05, gain=0.9)}
    trained = train(tiny(steps=20, **recipe), every_step=True)
    assert trained.steps[-1]["lr"] == pytest.approx(0.0001)
    for row in trained.steps:
        gradient, _, update = trained.norms[row["step"]].view(3, -1)
        torch.testing.assert_close(update, row["lr"] * gradient, rtol=1e-4, atol=0)


@pytest.mark.parametrize("stopped", [1, 4, 7, 19])
def test_a_resumed_training_ends_with_the_same_bits(train, tiny, stopped) -> None:
    experiment = tiny(steps=20, schedule=Plateau(window=0.15, gain=0.9))
    whole = train(experiment)
    rest = train(experiment, resume=(whole.states[stopped], {"step": stopped, "seconds": 1.0}))
    assert same(rest.end, whole.end)
    assert [row["lr"] for row in rest.steps] == [row["lr"] for row in whole.steps][stopped:]
    assert len({row["lr"] for row in whole.steps}) == 4


def test_bits_do_not_depend_on_how_steps_are_put_into_blocks(train, tiny, monkeypatch) -> None:
    experiment = tiny(steps=20, schedule=Plateau(window=0.15, gain=0.9))
    step_by_step = train(experiment)
    monkeypatch.setattr(loop, "BLOCK_SECONDS", 1000)
    in_blocks = train(experiment)
    assert len(in_blocks.states) < len(step_by_step.states)
    assert same(step_by_step.end, in_blocks.end)
    assert step_by_step.numbers() == in_blocks.numbers()
