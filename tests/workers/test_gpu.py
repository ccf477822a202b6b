"""Room on devices: a few trainings a GPU, any number of workers on the CPU."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch
from filelock import Timeout

from resnet_edu.jobs import pool, queue
from resnet_edu.runs import Shelf, files
from resnet_edu.training import devices
from resnet_edu.workers.gpu import acquire_device


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    (tmp_path / "shelf" / queue.QUEUE).mkdir(parents=True)
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def gpus(monkeypatch):
    """`gpus(2)`: a machine with two, where two trainings share each."""

    def has(count):
        monkeypatch.setattr(devices, "available_devices", lambda: ["cuda", "cpu"])
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(pool, "per_gpu", lambda experiment: 2)

    return has


def test_the_emptiest_gpu_comes_first_and_a_full_machine_takes_no_more(shelf, tiny, gpus):
    gpus(2)
    run = shelf.get_or_create(tiny())
    with ExitStack() as held:
        assert [held.enter_context(acquire_device(shelf, run)) for _ in range(4)] == ["cuda:0", "cuda:1"] * 2
        with pytest.raises(Timeout), acquire_device(shelf, run):
            pass
    with acquire_device(shelf, run) as device:
        assert device == "cuda:0", "whoever ends makes room"


def test_one_gpu_has_no_number(shelf, tiny, gpus):
    gpus(1)
    with acquire_device(shelf, shelf.get_or_create(tiny())) as device:
        assert device == "cuda"


def test_a_run_goes_on_where_it_was_begun(shelf, tiny, gpus):
    gpus(2)
    run = shelf.get_or_create(tiny())
    files.write_json(run.path / files.HOW, {"device": "cuda:1"})
    with acquire_device(shelf, run) as one, acquire_device(shelf, run) as other:
        assert one == other == "cuda:1"
        with pytest.raises(Timeout), acquire_device(shelf, run):
            pass
    files.write_json(run.path / files.HOW, {"device": "cpu"})
    with acquire_device(shelf, run) as device:
        assert device == "cpu"


def test_on_a_cpu_every_worker_has_room(shelf, tiny):
    run = shelf.get_or_create(tiny())
    with (
        acquire_device(shelf, run) as one,
        acquire_device(shelf, run) as other,
        acquire_device(shelf, run) as third,
    ):
        assert one == other == third == devices.available_devices()[0]


def test_what_breaks_inside_makes_room(shelf, tiny, gpus):
    gpus(1)
    run = shelf.get_or_create(tiny())
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), acquire_device(shelf, run):
            1 / 0  # noqa: B018
