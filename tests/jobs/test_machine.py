"""How many trainings at once, as the machine is."""

from __future__ import annotations

import math
import subprocess
from types import SimpleNamespace

import pytest

from resnet_edu import host, jobs
from resnet_edu.experiment import Digits, Experiment, Imagenet, Recipe, budgets
from resnet_edu.jobs import machine


@pytest.fixture
def smi(monkeypatch, tmp_path):
    """A machine with these GPUs, in MiB each: `smi("143771\n81559\n")`."""
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(machine, "_torch_has_cuda", lambda: True)

    def has(text, error=None):
        def run(command, **_):
            if error:
                raise error
            return SimpleNamespace(stdout=text)

        monkeypatch.setattr(machine.subprocess, "run", run)
        machine.gpus.cache_clear()

    yield has
    machine.gpus.cache_clear()


def test_no_gpu_is_seen_where_there_is_none():
    assert machine.at_once() >= 1
    assert jobs.slots() == machine.at_once()


def test_gpus_are_counted_with_their_memory(smi):
    smi("143771\n81559\n")
    assert machine.gpus() == (143771 * 2**20, 81559 * 2**20)
    assert machine.at_once() == jobs.slots() == 2 * machine.TAKING_TURNS


@pytest.mark.parametrize(
    ("visible", "count"), [("", 0), ("-1", 0), ("1", 1), ("0,1", 2), ("GPU-ab,GPU-cd,x", 2)]
)
def test_hidden_gpus_are_not_counted(smi, monkeypatch, visible, count):
    smi("1000\n1000\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert len(machine.gpus()) == count


@pytest.mark.parametrize(
    "error", [FileNotFoundError("nvidia-smi"), subprocess.CalledProcessError(9, "nvidia-smi"), None]
)
def test_a_driver_that_does_not_answer_is_no_gpu(smi, error):
    smi("No devices were found\n", error)
    assert machine.gpus() == ()
    assert machine.at_once() == host.cores()


def test_a_torch_without_cuda_uses_no_gpu(smi, monkeypatch, tmp_path):
    monkeypatch.undo()
    (tmp_path / "version.py").write_text("__version__ = '2.15.0'\ncuda: Optional[str] = None\nhip = None\n")
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(machine, "find_spec", lambda name: found)
    assert not machine._torch_has_cuda()
    (tmp_path / "version.py").write_text("cuda: Optional[str] = '13.2'\n")
    assert machine._torch_has_cuda()
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    assert not machine._torch_has_cuda()


def test_more_share_a_gpu_whose_kernels_run_together(smi, tmp_path):
    smi("143771\n")
    assert machine.at_once() == machine.TAKING_TURNS
    (tmp_path / "control").touch()
    assert machine.at_once() == machine.TOGETHER


def test_what_does_not_fit_twice_is_trained_once(smi, tmp_path):
    (tmp_path / "control").touch()
    large = Experiment(Imagenet(50), Digits(side=224), Recipe(batch=256))
    small = budgets.at("paper", "resnet-110")
    assert 1e10 < machine.needed(large) < 1e11
    assert 2e9 < machine.needed(small) < 1e10
    for gigabytes, shared in [(8, 1), (24, 1), (90, 2), (1000, 4)]:
        assert machine.per_gpu(gigabytes * 1e9, [small, large]) == shared
    assert machine.per_gpu(math.inf, [large]) == machine.TOGETHER
    smi("24576\n24576\n")
    assert (jobs.slots([small]), jobs.slots([large])) == (8, 2)
    assert (jobs.per_gpu(small), jobs.per_gpu(large)) == (4, 1)


def test_whoever_says_how_many_is_believed(smi, monkeypatch, tiny):
    smi("24576\n24576\n")
    monkeypatch.setenv("RESNET_EDU_WORKERS", "5")
    assert jobs.slots() == 5
    assert jobs.per_gpu(tiny()) == 3
