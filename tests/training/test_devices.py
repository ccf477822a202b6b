"""How a training is computed: asked for, measured, or the plainest."""

import dataclasses

import pytest
import torch
from trainings import HOW, run

from resnet_edu.experiment import Dense
from resnet_edu.spec import SpecError
from resnet_edu.training import DeviceError, apply, choose, devices

SHAPE = {"channels": 1, "side": 8, "classes": 10}
CANDIDATES = [
    f"{precision} {form}"
    for precision in ("float32", "bfloat16")
    for form in ("contiguous_format", "channels_last")
]


def timed(**milliseconds):
    """Those of the candidates, 10 ms where nothing is said."""
    return dict.fromkeys(CANDIDATES, 10.0) | {
        name.replace("__", " "): value for name, value in milliseconds.items()
    }


@pytest.mark.parametrize("device", ["quantum", "gpu", "tpu:0", "CPU"])
def test_a_device_that_is_not_here(tiny, device, monkeypatch):
    monkeypatch.setattr(devices, "available", lambda: ["cuda", "cpu"])
    with pytest.raises(DeviceError) as caught:
        choose(tiny(), **SHAPE, device=device)
    assert str(caught.value) == f"device is {device!r}; this machine has cuda, cpu"
    assert isinstance(caught.value, SpecError), "the command line says it in one line"


def test_the_best_device_is_the_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.available() == ["cuda", "mps", "cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.available() == ["cpu"]


def test_a_short_run_is_computed_plainly_and_says_where(tiny, monkeypatch):
    monkeypatch.setattr(devices, "_timed", None)
    how = choose(tiny(steps=999), **SHAPE, device="cpu")
    assert (how["device"], how["precision"], how["memory_format"]) == ("cpu", "float32", "contiguous_format")
    assert how["threads"] == torch.get_num_threads() == 1
    assert how["versions"]["torch"] == torch.__version__
    assert how["device_name"]
    assert how["system"]
    assert "measured_ms_per_step" not in how


@pytest.mark.parametrize("net", [None, Dense(depth=4, width=8)])
def test_a_long_run_is_preceded_by_a_measurement(tiny, net):
    experiment = tiny(steps=1000, plain=True)
    how = choose(dataclasses.replace(experiment, net=net or experiment.net), **SHAPE, device="cpu")
    measured = how["measured_ms_per_step"]
    assert list(measured) == CANDIDATES
    assert all(0 < milliseconds < 10_000 for milliseconds in measured.values())
    assert f"{how['precision']} {how['memory_format']}" in CANDIDATES


@pytest.mark.parametrize(
    ("milliseconds", "chosen"),
    [
        (timed(), "float32 contiguous_format"),
        (timed(bfloat16__channels_last=5.0), "bfloat16 channels_last"),
        (timed(float32__channels_last=8.0, bfloat16__contiguous_format=7.0), "bfloat16 contiguous_format"),
        (timed(bfloat16__channels_last=9.5), "float32 contiguous_format"),  # not clearly quicker
        (timed(float32__contiguous_format=1.0), "float32 contiguous_format"),
    ],
)
def test_the_clearly_quickest_is_chosen(tiny, monkeypatch, milliseconds, chosen):
    monkeypatch.setattr(devices, "_timed", lambda *_: milliseconds)
    how = choose(tiny(steps=1000), **SHAPE, device="cpu")
    assert f"{how['precision']} {how['memory_format']}" == chosen
    assert how["measured_ms_per_step"] == milliseconds


def test_what_is_known_is_not_measured_again(tiny, monkeypatch):
    """The arms of a study are computed alike: one measurement for all depths, shortcuts and seeds."""
    asked = []
    monkeypatch.setattr(devices, "_timed", lambda experiment, *_: asked.append(experiment) or timed())
    known = {}
    for experiment in (tiny(steps=1000), tiny(steps=2000, depth=20, plain=True, seed=4)):
        choose(experiment, **SHAPE, device="cpu", known=known)
    assert len(asked) == len(known) == 1
    for other in (tiny(steps=1000, width=3), tiny(steps=1000, batch=8)):
        choose(other, **SHAPE, device="cpu", known=known)
    choose(tiny(steps=1000), **SHAPE | {"side": 16}, device="cpu", known=known)
    assert len(asked) == len(known) == 4


def test_a_run_goes_on_with_the_threads_that_it_was_begun_with():
    apply(HOW | {"threads": 2})
    assert torch.get_num_threads() == 2
    apply(HOW)
    assert torch.get_num_threads() == 1


def test_half_precision_keeps_weights_and_norms_whole(tiny, digits):
    how = HOW | {"precision": "bfloat16", "memory_format": "channels_last"}
    half, whole = run(tiny(), digits, how=how), run(tiny(), digits)
    assert {tensor.dtype for name, tensor in half.end.items() if name.endswith("weight")} == {torch.float32}
    assert half.norms[0].dtype == torch.float32
    assert half.losses() != whole.losses()
    assert half.losses()[0] == pytest.approx(whole.losses()[0], rel=0.05)
