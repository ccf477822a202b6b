"""Each known mistake computes something of its own: the cases tell it from all others and from the right."""

import importlib
from itertools import combinations

import pytest

from resnet_edu.exercises.exercise import Exercise, all_same, answers_to

FILES = ("counting", "units", "shortcuts", "deeper", "gradients", "gradient_flow", "paths")
EXERCISES = {
    name: value
    for file in FILES
    for name, value in vars(importlib.import_module(f"resnet_edu.exercises.{file}")).items()
    if isinstance(value, Exercise)
}


@pytest.mark.parametrize("name", EXERCISES)
def test_the_cases_tell_all_mistakes_apart(name: str) -> None:
    exercise = EXERCISES[name]
    cases = exercise.cases()
    computed = {"right": answers_to(exercise.right, cases)}
    computed |= {message: answers_to(mistake, cases) for message, mistake in exercise.mistakes.items()}
    alike = [pair for pair in combinations(computed, 2) if all_same(computed[pair[0]], computed[pair[1]])]
    assert alike == []


@pytest.mark.parametrize("name", EXERCISES)
def test_the_cases_are_the_same_each_time(name: str) -> None:
    exercise = EXERCISES[name]
    first, again = (answers_to(exercise.right, exercise.cases()) for _ in range(2))
    assert all_same(first, again)


def test_each_message_belongs_to_one_mistake_of_an_exercise() -> None:
    assert sum(len(exercise.mistakes) for exercise in EXERCISES.values()) >= 40
