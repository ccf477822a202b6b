"""The same experiment gives the same bits: again, resumed, and whatever is recorded."""

import dataclasses

import pytest
import torch
from trainings import HOW, run, same

from resnet_edu.experiment import Cifar, Dense, ProjectionShortcut
from resnet_edu.training import Checkpoint, loop

FORMATS = ("contiguous_format", "channels_last")
PRECISIONS = ("float32", "bfloat16")


def test_twice_the_same_bits(train, tiny):
    experiment = tiny(augment=True)
    one, other = train(experiment), train(experiment)
    assert same(one.end, other.end)
    assert same(one.norms, other.norms)
    assert one.numbers() == other.numbers()


def test_another_seed_other_bits(train, tiny):
    assert not same(train(tiny()).end, train(tiny(seed=1)).end)


def test_bits_do_not_depend_on_how_steps_are_put_into_chunks(train, tiny, digits):
    step_by_step = train(tiny())
    in_chunks = run(tiny(), digits, chunk_seconds=1000)
    assert len(in_chunks.states) < len(step_by_step.states)
    assert same(step_by_step.end, in_chunks.end)
    assert same(step_by_step.norms, in_chunks.norms)
    assert step_by_step.numbers() == in_chunks.numbers()


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"augment": True, "warmup": 2, "momentum": 0.5, "drops": (0.4,)},
        {"momentum": 0.0, "batch": 50},
        {"plain": True, "lr": 0.01},
        {"frozen": 2},
        {"dropout": 0.3, "frozen": 1},
    ],
)
@pytest.mark.parametrize("every_step", [False, True])
def test_a_resumed_training_ends_with_the_same_bits(train, tiny, recipe, every_step):
    experiment = tiny(**recipe)
    whole = train(experiment, every_step=every_step, checkpoints=3)
    for stopped in (1, 2, 5):
        saved = Checkpoint(whole.states[stopped], stopped, 1.0)
        rest = train(experiment, resume=saved, every_step=every_step, checkpoints=3)
        assert same(rest.end, whole.end), "weights, statistics and momentum"
        assert rest.losses() == whole.losses()[stopped:]
        assert same(rest.norms, {step: row for step, row in whole.norms.items() if step >= stopped})
        assert rest.evals == [row for row in whole.evals if row["step"] > stopped]
        assert rest.blocks == [row for row in whole.blocks if row["step"] > stopped]
        assert rest.kept == [step for step in whole.kept if step > stopped]
        assert [row["step"] for row in rest.steps] == list(range(stopped, 6))
        assert min(row["seconds"] for row in rest.steps) > 1


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "net", [Cifar(depth=8, width=4, shortcut=ProjectionShortcut()), Dense(depth=4, width=8)]
)
def test_a_resumed_training_ends_with_the_same_bits_however_it_is_computed(train, tiny, precision, form, net):
    how = HOW | {"precision": precision, "memory_format": form}
    experiment = dataclasses.replace(tiny(steps=4), net=net)
    whole = train(experiment, how=how)
    rest = train(experiment, how=how, resume=Checkpoint(whole.states[2], 2, 0.0))
    assert same(rest.end, whole.end)
    assert rest.losses() == whole.losses()[2:]


def test_a_state_is_a_copy(train, tiny):
    states = train(tiny()).states
    assert not torch.equal(states[1]["net.head.weight"], states[2]["net.head.weight"])
    assert {name.split(".")[0] for name in states[2]} == {"net", "momentum"}
    assert all(tensor.device.type == "cpu" and tensor.is_contiguous() for tensor in states[2].values())


def test_recording_more_changes_no_number(train, tiny):
    little, much = train(tiny()), train(tiny(), every_step=True, checkpoints=6)
    assert same(little.end, much.end)
    assert little.numbers() == much.numbers()
    assert all(torch.equal(row, much.norms[step]) for step, row in little.norms.items())
    assert (little.kept, much.kept) == ([6], [1, 2, 3, 4, 6])


def test_evaluating_changes_no_number(train, tiny, monkeypatch):
    often = train(tiny())
    monkeypatch.setattr(loop, "evaluation_steps", lambda steps: frozenset())
    never = train(tiny())
    assert often.evals
    assert not never.evals
    assert same(often.end, never.end)
    assert often.losses() == never.losses()


def test_torch_s_own_random_numbers_are_neither_used_nor_disturbed(train, tiny):
    torch.manual_seed(1)
    one, after = train(tiny(augment=True)), torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), after)
    torch.manual_seed(2)
    assert same(train(tiny(augment=True)).end, one.end)
