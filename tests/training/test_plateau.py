"""A learning rate that falls when the loss stays: the rule, its memory, and training by it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from trainings import same

from resnet_edu.experiment import Plateau, Recipe
from resnet_edu.training import Checkpoint
from resnet_edu.training.plateau import STATE, PlateauState

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
    st.integers(1, 4),
    st.sampled_from([0.0, 0.01, 0.5]),
    st.integers(0, 10),
)
@example([1.0, 2.0, 1.5, 0.5, 0.4], 1, 0.0, 10)
def test_it_is_the_rule(losses: list[float], window: int, gain: float, most: int) -> None:
    recipe = Recipe(steps=720, schedule=Plateau(window=window / 720, gain=gain, falls=most))
    falls, found = PlateauState(recipe), []
    assert falls.window == window
    for loss in losses:
        falls.observe([loss])
        found.append(falls.decays)
    assert found == by_hand(losses, window, gain, most)


@given(st.lists(st.floats(0, 5, width=32), min_size=8, max_size=8), st.integers(0, 8))
def test_what_it_remembers_is_all_that_matters(losses: list[float], stopped: int) -> None:
    whole, first, second = PlateauState(TWENTIETHS), PlateauState(TWENTIETHS), PlateauState(TWENTIETHS)
    for loss in losses:
        whole.observe([loss])
    for loss in losses[:stopped]:
        first.observe([loss])
    second.load_state_dict(first.state_dict())
    for loss in losses[stopped:]:
        second.observe([loss])
    assert torch.equal(whole.state_dict()[STATE], second.state_dict()[STATE])


def test_fixed_steps_need_no_memory() -> None:
    falls = PlateauState(Recipe())
    falls.observe([1.0, math.nan])
    assert falls.state_dict() == {}
    assert falls.window_end(7) > 10**9
    assert falls.decays == 0


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
    rest = train(experiment, resume=Checkpoint(whole.states[stopped], stopped, 1.0))
    assert same(rest.end, whole.end)
    assert [row["lr"] for row in rest.steps] == [row["lr"] for row in whole.steps][stopped:]
    assert len({row["lr"] for row in whole.steps}) == 4


def test_bits_do_not_depend_on_how_steps_are_put_into_chunks(train, tiny) -> None:
    experiment = tiny(steps=20, schedule=Plateau(window=0.15, gain=0.9))
    step_by_step = train(experiment)
    in_chunks = train(experiment, chunk_seconds=1000)
    assert len(in_chunks.states) < len(step_by_step.states)
    assert same(step_by_step.end, in_chunks.end)
    assert step_by_step.numbers() == in_chunks.numbers()
