"""What is recorded when."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_edu.experiment.spec import SpecError
from resnet_edu.training import Recording
from resnet_edu.training.recording import evaluated_images, evaluation_steps

steps = st.integers(1, 100_000)


@given(steps)
def test_norms_are_recorded_at_the_first_ten_steps_and_the_last(steps):
    found = Recording().norm_steps(steps)
    assert set(range(min(10, steps))) | {steps - 1} <= found <= set(range(steps))
    assert len(found) < 10 + 30 * 4 + 2


def test_later_norms_are_30_a_decade():
    found = Recording().norm_steps(64_000)
    assert sum(100 <= step < 1000 for step in found) == 30
    assert sum(10_000 < step < 64_000 for step in found) == 25
    gaps = [later / earlier for earlier, later in itertools.pairwise(sorted(found)) if earlier > 30]
    assert max(gaps) < 1.1


@given(steps)
def test_every_step_is_every_step(steps):
    assert Recording(every_step=True).norm_steps(steps) == set(range(steps))


@given(steps, st.integers(1, 50))
def test_weights_are_kept_at_the_end_and_before_it(steps, checkpoints):
    found = Recording(checkpoints=checkpoints).weight_steps(steps)
    assert steps in found
    assert found <= set(range(1, steps + 1))
    assert len(found) <= checkpoints


def test_eight_checkpoints_are_log_spaced():
    assert sorted(Recording(checkpoints=8).weight_steps(64_000)) == [
        *(64, 172, 461, 1236, 3315, 8893, 23857, 64_000)
    ]
    assert Recording().weight_steps(240) == {240}


@pytest.mark.parametrize("checkpoints", [0, -1, 10_000_000])
def test_a_number_of_checkpoints_that_makes_no_sense(checkpoints):
    with pytest.raises(SpecError, match=rf"^checkpoints is {checkpoints}; allowed: 1 … 1000$"):
        Recording(checkpoints=checkpoints)


@given(steps)
def test_evaluations_from_the_start_to_the_end(steps):
    found = evaluation_steps(steps)
    assert {0, steps} <= found <= set(range(steps + 1))
    assert len(found) <= 42


def test_evaluations_of_a_minute_s_run():
    assert sorted(evaluation_steps(240)) == [0, 15, 60, 120, 180, 240]
    assert len(evaluation_steps(64_000)) == 42


@pytest.mark.parametrize(
    ("available", "last", "count"),
    [
        (1500, True, 1500),
        (1500, False, 512),
        (100, False, 100),
        (20_000, False, 2000),
        (1_000_000, False, 5000),
    ],
)
def test_how_many_images_are_evaluated(available, last, count):
    assert evaluated_images(available, last=last) == count
