"""The registry of probes holds the bench's table of functions, and each function's speed and target."""

import inspect

import pytest

from resnet_edu import probes
from resnet_edu.cli import probe as command
from resnet_edu.experiment.probes import PROBES, speed_of
from resnet_edu.jobs import queue

FUNCTIONS = {**probes.PROBES, **probes.LONG_PROBES}


def test_every_function_is_registered_and_every_registered_probe_has_one():
    assert FUNCTIONS.keys() == PROBES.keys()
    assert not probes.PROBES.keys() & probes.LONG_PROBES.keys()


@pytest.mark.parametrize("name", PROBES)
def test_speed_and_target_are_those_of_the_function(name):
    assert (PROBES[name].speed == "long") == inspect.isgeneratorfunction(FUNCTIONS[name])
    assert (PROBES[name].speed == "long") == (name in probes.LONG_PROBES)
    assert (PROBES[name].target == "net") == ("pixels" in inspect.signature(FUNCTIONS[name]).parameters)
    assert PROBES[name].help


def test_the_queue_and_the_command_line_read_the_registry():
    assert {queue.queue_for(name) for name in PROBES} == set(queue.PROBE_SLOTS)
    assert set(command.QUESTIONS) == set(probes.PROBES)
    assert speed_of("x-ray") == "quick", "its error comes at once"
