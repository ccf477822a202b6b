"""How a training is computed: the plainest way, or the quickest that was measured; and alike in a study."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from resnet_edu.experiment import Cifar, Dense, Imagenet, NoShortcut
from resnet_edu.experiment.parts import Bottleneck
from resnet_edu.training import choose, choosing

SHAPE = {"channels": 1, "side": 8, "classes": 10, "device": "cpu"}
CANDIDATES = [
    f"{precision} {form}"
    for precision in ("float32", "bfloat16")
    for form in ("contiguous_format", "channels_last")
]
LONG = choosing.WORTH_COMPILING


@pytest.fixture
def clock(monkeypatch):
    """`clock["2 threads"] = 5.0`: a trial takes what this says, 10 ms where it says nothing."""
    told: dict[str, float] = {}
    asked: list[str] = []

    def milliseconds(trial, compute):
        name = f"{compute.precision} {compute.memory_format}"
        threads = f"{compute.threads} threads"
        asked.append(f"{trial.experiment.label} {name} {threads}")
        return told.get(threads, told.get(name, 10.0)) if compute.threads > 1 else told.get(name, 10.0)

    def compile(trial, compute, timed):
        asked.append("compile")
        timed |= {"uncompiled": 10.0, "compiled": told.get("compiled", 10.0), "compiling": 20_000.0}
        return ""

    monkeypatch.setattr(choosing._Trial, "milliseconds", milliseconds)
    monkeypatch.setattr(choosing._Trial, "compile", compile)
    told["asked"] = asked  # type: ignore[assignment]
    return told


def test_a_short_run_is_computed_plainly_and_says_where(tiny, clock):
    compute = choose(tiny(steps=999), **SHAPE)
    assert (compute.device, compute.precision, compute.memory_format) == (
        "cpu",
        "float32",
        "contiguous_format",
    )
    assert (compute.threads, compute.compiled) == (1, False)
    assert compute.compiled_because == "999 steps; tried from 10000 on"
    assert compute.versions["torch"] == torch.__version__
    assert compute.device_name
    assert compute.system
    assert "measured_ms_per_step" not in compute.to_dict()
    assert clock["asked"] == []


@pytest.mark.parametrize("net", [Cifar(8, width=2, shortcut=NoShortcut()), Dense(depth=4, width=8)])
def test_a_long_run_is_preceded_by_a_measurement(tiny, net):
    random = torch.get_rng_state()
    compute = choose(dataclasses.replace(tiny(steps=1000), net=net), **SHAPE, threads=(1, 2))
    measured = compute.measured_ms_per_step
    assert list(measured) == [*CANDIDATES, "1 threads", "2 threads"]
    assert all(0 < milliseconds < 10_000 for milliseconds in measured.values())
    assert f"{compute.precision} {compute.memory_format}" in CANDIDATES
    assert compute.threads in (1, 2)
    assert torch.get_num_threads() == 1, "as before"
    assert torch.equal(torch.get_rng_state(), random), "and nobody's draws were used"


@pytest.mark.parametrize(
    ("milliseconds", "chosen"),
    [
        ({}, "float32 contiguous_format"),
        ({"bfloat16 channels_last": 5.0}, "bfloat16 channels_last"),
        ({"float32 channels_last": 8.0, "bfloat16 contiguous_format": 7.0}, "bfloat16 contiguous_format"),
        ({"bfloat16 channels_last": 9.5}, "float32 contiguous_format"),  # not clearly quicker
        ({"float32 contiguous_format": 1.0}, "float32 contiguous_format"),
    ],
)
def test_the_clearly_quickest_is_chosen(tiny, clock, milliseconds, chosen):
    clock |= milliseconds
    compute = choose(tiny(steps=1000), **SHAPE)
    assert f"{compute.precision} {compute.memory_format}" == chosen
    assert compute.measured_ms_per_step == dict.fromkeys(CANDIDATES, 10.0) | milliseconds
    assert compute.threads == 1, "nobody offered more"


@pytest.mark.parametrize(
    ("threads", "milliseconds", "chosen"),
    [
        ((1, 2), {"2 threads": 6.0}, 2),
        ((1, 2), {"2 threads": 9.5}, 1),
        ((1, 4, 16), {"4 threads": 3.0, "16 threads": 4.0}, 4),
        ((3,), {}, 3),
    ],
)
def test_threads_are_taken_where_they_help(tiny, clock, threads, milliseconds, chosen):
    clock |= milliseconds
    assert choose(tiny(steps=1000), **SHAPE, threads=threads).threads == chosen
    assert choose(tiny(steps=999), **SHAPE, threads=threads).threads == threads[0], "too short to measure"


@pytest.mark.parametrize(
    ("steps", "compiled_ms", "compiled", "because"),
    [
        (LONG - 1, 1.0, False, "9999 steps; tried from 10000 on"),
        (LONG, 5.0, True, "it takes 20.0 s and saves 50.0 s in 10000 steps"),
        (LONG, 7.0, False, "it takes 20.0 s and saves 30.0 s in 10000 steps"),
        (64_000, 7.0, True, "it takes 20.0 s and saves 192.0 s in 64000 steps"),
        (64_000, 12.0, False, "it takes 20.0 s and saves -128.0 s in 64000 steps"),
    ],
)
def test_compilation_must_be_repaid_twice(tiny, clock, steps, compiled_ms, compiled, because):
    clock["compiled"] = compiled_ms
    compute = choose(tiny(steps=steps), **SHAPE)
    assert compute.compiled is compiled
    assert compute.compiled_because.endswith(because)
    assert ("compile" in clock["asked"]) == (steps >= LONG)


@pytest.mark.parametrize("told", [True, False])
def test_whoever_says_so_gets_it_compiled_or_not(tiny, clock, told):
    for steps in (10, LONG):
        compute = choose(tiny(steps=steps), **SHAPE, compile=told)
        assert (compute.compiled, compute.compiled_because) == (told, "told so")
    assert "compile" not in clock["asked"]


def test_a_compiler_that_is_missing_is_said_and_not_remembered(tiny, monkeypatch, clock):
    monkeypatch.undo()
    monkeypatch.setattr(torch, "compile", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(choosing, "WORTH_COMPILING", 1000)
    known = {}
    compute = choose(tiny(steps=1000), **SHAPE, known=known)
    assert (compute.compiled, compute.compiled_because) == (False, "ZeroDivisionError: division by zero")
    assert "compiled" not in next(iter(known.values())), "it may be there the next time"


def test_what_is_known_is_not_measured_again(tiny, clock):
    """The arms of a study are computed alike: one measurement for all depths, units, shortcuts and seeds."""
    known = {}
    first = choose(tiny(steps=1000), **SHAPE, known=known)
    deep = dataclasses.replace(tiny(steps=2000, seed=4), net=Cifar(29, width=2, unit=Bottleneck()))
    for other in (tiny(steps=2000, depth=20, plain=True), deep):
        compute = choose(other, **SHAPE, known=known)
        assert compute.measured_ms_per_step == first.measured_ms_per_step
    assert len(clock["asked"]) == 4
    assert len(known) == 1
    choose(tiny(steps=LONG), **SHAPE, known=known)
    assert len(clock["asked"]) == 5, "what was not asked before is measured and added"
    for other in (tiny(steps=1000, width=3), tiny(steps=1000, batch=8)):
        choose(other, **SHAPE, known=known)
    choose(tiny(steps=1000), **SHAPE | {"side": 16}, known=known)
    choose(tiny(steps=1000), **SHAPE, threads=(1, 2), known=known)
    assert len(known) == 5


def test_whoever_asks_first_the_same_net_is_measured(tiny, clock):
    for experiment in (tiny(steps=1000), tiny(steps=1000, depth=56, plain=True)):
        choose(experiment, **SHAPE)
    assert clock["asked"][:4] == clock["asked"][4:]
    assert all(name.startswith("resnet-14 ") for name in clock["asked"])


@pytest.mark.parametrize(
    ("net", "measured"),
    [
        (Cifar(110, width=4, widen=2, shortcut=NoShortcut()), Cifar(14, width=4, widen=2)),
        (Dense(50, width=32), Dense(8, width=32)),
        (Imagenet(50), Imagenet(18)),
    ],
)
def test_the_net_that_is_measured_is_shallow_and_as_wide(net, measured):
    assert choosing.shallow(net) == measured
