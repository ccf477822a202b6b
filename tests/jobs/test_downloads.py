"""Weights are fetched in a process of their own, and only when a visitor asks for it."""

from __future__ import annotations

import sys

import pytest
from torchvision.models import get_model_weights
from waiting import until

from resnet_edu.jobs import downloads
from resnet_edu.nets import weights
from resnet_edu.workers import download

WAITS = "import sys, pathlib, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)\n"
FAILS = "import sys; print('no network'); sys.exit(1)"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(downloads, "_begun", begun := {})
    yield
    for process in begun.values():
        process.kill()
        process.wait()
        process.stdout.close()


def test_two_who_ask_share_one_process(monkeypatch, tmp_path):
    command = (sys.executable, "-c", WAITS, str(tmp_path / "go"))
    monkeypatch.setattr(downloads, "COMMAND", command)
    assert not downloads.running("resnet-50")
    downloads.start("resnet-50")
    first = downloads._begun["resnet-50"]
    downloads.start("resnet-50")
    assert downloads._begun["resnet-50"] is first
    assert downloads.running("resnet-50")
    assert not downloads.running("resnet-18")
    assert downloads.error("resnet-50") == ""
    (tmp_path / "go").touch()
    until(lambda: not downloads.running("resnet-50"))
    assert downloads.error("resnet-50") == ""


def test_why_it_failed_is_said_until_it_is_tried_again(monkeypatch):
    monkeypatch.setattr(downloads, "COMMAND", (sys.executable, "-c", FAILS))
    downloads.start("resnet-50")
    until(lambda: not downloads.running("resnet-50"))
    assert downloads.error("resnet-50") == downloads.error("resnet-50") == "no network"
    monkeypatch.setattr(downloads, "COMMAND", (sys.executable, "-c", "import sys; sys.exit(2)"))
    downloads._begun["resnet-50"].stdout.close()
    downloads.start("resnet-50")
    until(lambda: not downloads.running("resnet-50"))
    assert downloads.error("resnet-50") == "the process that fetched the weights died"


def test_sizes_are_those_that_torchvision_gives():
    for net, megabytes in downloads.MEGABYTES.items():
        published = get_model_weights(net.replace("-", ""))["IMAGENET1K_V1"].meta["_file_size"]
        assert round(published) == megabytes


@pytest.mark.parametrize("variable", ["TORCH_HOME", "XDG_CACHE_HOME", "HOME"])
def test_the_desk_knows_where_torch_hub_keeps_them(variable, monkeypatch, tmp_path):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    assert downloads.FILES.keys() == downloads.MEGABYTES.keys() == set(weights.OFFICIAL)
    for net in weights.OFFICIAL:
        assert not downloads.present(net)
        file = weights.official_file(net)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        assert downloads.present(net)


def test_an_error_of_the_process_is_one_line(monkeypatch, capsys):
    def offline(name):
        raise OSError("no network")

    monkeypatch.setattr(download.weights, "official", offline)
    assert download.main("resnet-50") == 1
    assert capsys.readouterr().out == "no network\n"
    monkeypatch.setattr(download.weights, "official", lambda name: None)
    assert download.main("resnet-50") == 0
