"""`resnet-edu data`."""

import pytest

from resnet_edu import data


def test_status_shows_every_data_set_and_where(command, tmp_path):
    for words in (("data",), ("data", "status")):
        said = command(*words, "--data-dir", tmp_path)
        assert said.code == 0
        lines = said.out.splitlines()
        assert [line.split()[0] for line in lines] == [
            *("kind", "digits", "cifar10", "fashion-mnist", "imagefolder:DIR")
        ]
        assert "present" in lines[1]
        assert "absent" in lines[2]
        assert str(tmp_path) in lines[2]


def test_get_downloads_into_the_folder_and_shows_the_status(command, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(data, "download", lambda *words: asked.append(words))
    said = command("data", "get", "cifar10", "--data-dir", tmp_path)
    assert said.code == 0
    assert asked == [("cifar10", tmp_path)]
    assert "digits" in said.out


def test_a_download_that_fails_is_said_in_one_line(command, tmp_path, monkeypatch):
    def failing(*_):
        raise data.DataMissing("https://example.org could not be fetched")

    monkeypatch.setattr(data, "download", failing)
    said = command("data", "get", "fashion-mnist", "--data-dir", tmp_path)
    assert said.code == 2
    assert said.error == "resnet-edu: https://example.org could not be fetched\n"


@pytest.mark.parametrize("module", ["resnet_edu"])
def test_the_command_is_a_module_too(module):
    import subprocess
    import sys

    said = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True)
    assert said.returncode == 0
    assert said.stdout.strip()
