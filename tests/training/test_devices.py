"""Where a training is computed."""

import pytest
import torch
from trainings import HOW, run

from resnet_edu.experiment.spec import SpecError
from resnet_edu.training import ComputeChoice, DeviceError, choose, configure_torch, devices

SHAPE = {"channels": 1, "side": 8, "classes": 10}


@pytest.mark.parametrize("device", ["quantum", "gpu", "tpu:0", "CPU"])
def test_a_device_that_is_not_here(tiny, device, monkeypatch):
    monkeypatch.setattr(devices, "available_devices", lambda: ["cuda", "cpu"])
    with pytest.raises(DeviceError) as caught:
        choose(tiny(), **SHAPE, device=device)
    assert str(caught.value) == f"device is {device!r}; this machine has cuda, cpu"
    assert isinstance(caught.value, SpecError), "the command line says it in one line"


def test_the_best_device_is_the_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.available_devices() == ["cuda", "mps", "cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.available_devices() == ["cpu"]


def test_a_run_goes_on_with_the_threads_that_it_was_begun_with():
    configure_torch(ComputeChoice.from_dict(HOW | {"threads": 2}))
    assert torch.get_num_threads() == 2
    configure_torch(ComputeChoice.from_dict(HOW))
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"precision": "float8"}, r"precision is 'float8'; allowed: float32, bfloat16"),
        ({"memory_format": "rows"}, r"memory_format is 'rows'; allowed: contiguous_format, channels_last"),
        ({"threads": 0}, r"threads is 0; allowed: 1 and more"),
        ({"threads": "2"}, r"threads is '2'; allowed: 1 and more"),
    ],
)
def test_what_a_file_cannot_say(what, said):
    with pytest.raises(SpecError, match=f"^how.json: {said}$"):
        ComputeChoice.from_dict(HOW | what)


def test_half_precision_keeps_weights_and_norms_whole(tiny, digits):
    how = HOW | {"precision": "bfloat16", "memory_format": "channels_last"}
    half, whole = run(tiny(), digits, how=how), run(tiny(), digits)
    assert {tensor.dtype for name, tensor in half.end.items() if name.endswith("weight")} == {torch.float32}
    assert half.norms[0].dtype == torch.float32
    assert half.losses() != whole.losses()
    assert half.losses()[0] == pytest.approx(whole.losses()[0], rel=0.05)
