"""What a learner wrote is called on copies and within limits; whatever goes wrong becomes one sentence."""

import contextlib
import importlib
import inspect
import sys
import threading
import time

import pytest
import torch
from torch import nn

from resnet_edu.exercises import calling, check
from resnet_edu.exercises.diagnosis import Ended
from resnet_edu.exercises.limits import TimeLimit, time_limit
from resnet_edu.nets.basic_block import BasicBlock


def said(function, *arguments) -> str:
    with pytest.raises(Ended) as ended:
        calling.call(function, *arguments)
    return ended.value.diagnosis.message


def stub_dots(residual):
    """A docstring."""


def stub_pass(residual):
    pass


def stub_none(residual):
    return None


def stub_raises(residual):
    raise NotImplementedError


def stub_filled_with_dots(residual):
    counts = [...]
    return counts[0]


@pytest.mark.parametrize(
    "stub", [None, ..., *(v for k, v in list(globals().items()) if k.startswith("stub"))]
)
def test_a_stub_is_not_attempted(stub):
    assert check.path_count(stub).state == "not attempted"


class StubUnit(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x): ...


class StubWithoutForward(nn.Module):
    def __init__(self, channels):
        super().__init__()


@pytest.mark.parametrize("unit", [StubUnit, StubWithoutForward, None])
def test_a_stub_of_a_unit_is_not_attempted(unit):
    assert check.residual_unit(unit).state == "not attempted"


def test_a_stub_that_changes_weights_is_not_attempted():
    def silence(unit): ...

    assert check.silence(silence).state == "not attempted"


def test_a_number_instead_of_the_function_is_explained():
    diagnosis = check.path_count(8)
    assert diagnosis.state == "wrong"
    assert "without brackets" in diagnosis.message


def test_the_arguments_are_copies_with_their_gradients():
    net = nn.Linear(2, 2)
    net.weight.grad = torch.ones(2, 2)
    before = net.weight.detach().clone()

    def spoil(given, numbers):
        assert torch.equal(given.weight.grad, torch.ones(2, 2))
        nn.init.zeros_(given.weight)
        given.weight.grad.zero_()
        numbers.clear()

    numbers = [1]
    calling.call(spoil, net, numbers)
    assert torch.equal(net.weight, before)
    assert net.weight.grad.sum() == 4
    assert numbers == [1]


def test_random_numbers_and_gradient_mode_are_kept():
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)

    def careless():
        torch.manual_seed(99)
        torch.set_grad_enabled(False)

    calling.call(careless)
    assert torch.equal(torch.rand(2), wanted)
    assert torch.is_grad_enabled()


def test_the_sentence_names_the_learners_line_and_none_of_ours():
    def divides(x):
        return x / 0

    message = said(divides, 1)
    line = inspect.getsourcelines(divides)[1] + 1
    assert message == f"Line {line}, `return x / 0`: ZeroDivisionError: division by zero."


def test_a_call_that_does_not_fit_is_explained():
    assert "cannot be called as the exercise says" in said(lambda: 1, 2)


def test_a_trouble_on_the_way_back_is_explained():
    class Unit(BasicBlock):
        def forward(self, x):
            y = super().forward(x.exp())
            y = y.exp()
            self.kept = y.sub_(1)
            return y

    assert "changes a tensor in place" in check.residual_unit(Unit).message


def test_a_message_over_several_lines_becomes_one():
    def shapes():
        return torch.zeros(2, 3) @ torch.zeros(2, 3)

    assert "\n" not in said(shapes)


def test_an_endless_loop_that_catches_exceptions_ends(monkeypatch):
    monkeypatch.setattr(calling, "SECONDS", 0.3)

    def endless():
        while True:
            try:
                time.sleep(0.001)
            except Exception:
                continue

    assert said(endless).startswith("It has not ended after 0.3 s")


def test_an_endless_loop_ends_in_another_thread_too(monkeypatch):
    monkeypatch.setattr(calling, "SECONDS", 0.3)
    messages = []

    def endless():
        while True:
            pass

    thread = threading.Thread(target=lambda: messages.append(said(endless)))
    thread.start()
    thread.join()
    assert messages[0].startswith("It has not ended")


def test_the_limit_waits_for_an_import_and_takes_back_what_comes_too_late(tmp_path, monkeypatch):
    """An import that is interrupted leaves a module half made, for all that follows."""
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.5)\nwhole = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with contextlib.suppress(TimeLimit), time_limit(0.1):
        importlib.import_module("slow_module")
    assert sys.modules["slow_module"].whole


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux refuses memory")
def test_memory_is_refused_and_allowed_again():
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    assert "more memory" in said(lambda: bytearray(calling.EXTRA_BYTES + 2**30))
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_a_diagnosis_is_shown_as_one_line():
    diagnosis = check.path_count(lambda residual: 2 ** len(residual))
    assert not diagnosis
    assert diagnosis._repr_markdown_().startswith("**✗ Wrong.** ")
    assert check.path_count(lambda residual: 2 ** sum(residual))
