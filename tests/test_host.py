"""The computer: cores within a container's quota, and folders as shells write them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from resnet_edu import data, host
from resnet_edu.host import PathError, cache_folder, cores, expanded
from resnet_edu.jobs import pool
from resnet_edu.runs import Shelf, default_shelf

ROOT = "sys/fs/cgroup"
VERSION_1 = {
    f"{ROOT}/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
    f"{ROOT}/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
}


@pytest.fixture
def eight(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)


def system(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    for name, text in ({"proc/self/cgroup": cgroup} | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/\n", {f"{ROOT}/cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {f"{ROOT}/cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {f"{ROOT}/cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {f"{ROOT}/cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {f"{ROOT}/cpu.max": "6400000 100000\n"}, 8),
        ("0::/\n", {f"{ROOT}/cpu.max": "rubbish\n"}, 8),
        ("0::/\n", {}, 8),
        ("0::/a/b\n", {f"{ROOT}/a/b/cpu.max": "300000 100000", f"{ROOT}/a/cpu.max": "max 100000"}, 3),
        ("0::/a/b\n", {f"{ROOT}/a/b/cpu.max": "max 100000", f"{ROOT}/a/cpu.max": "200000 100000"}, 2),
        ("0::/../../other\n", {f"{ROOT}/cpu.max": "200000 100000"}, 2),
        ("0::/docker/of-the-host\n", {f"{ROOT}/cpu.max": "200000 100000"}, 2),
        ("4:cpu,cpuacct:/\n3:memory:/\n", VERSION_1, 2),
        ("4:cpu,cpuacct:/docker/of-the-host\n", VERSION_1, 2),
        (
            "4:cpuacct,cpu:/\n",
            {name.replace("cpu,cpuacct", "cpu"): text for name, text in VERSION_1.items()},
            2,
        ),
        (
            "4:cpu,cpuacct:/slurm/job\n",
            {name.replace("cpuacct/", "cpuacct/slurm/job/"): text for name, text in VERSION_1.items()},
            2,
        ),
        ("4:cpu,cpuacct:/\n", VERSION_1 | {f"{ROOT}/cpu,cpuacct/cpu.cfs_quota_us": "-1\n"}, 8),
        ("1:name=systemd:/\n0::/\n", {}, 8),
        ("", {f"{ROOT}/cpu.max": "200000 100000\n"}, 2),
    ],
)
def test_cores_are_what_the_container_s_quota_allows(eight, tmp_path, cgroup, files, expected) -> None:
    assert cores(system(tmp_path, cgroup, files)) == expected


def test_cores_without_a_file_and_as_many_as_the_affinity_has(eight, tmp_path, monkeypatch) -> None:
    assert cores(tmp_path) == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(3))
    assert cores(system(tmp_path, "0::/\n", {f"{ROOT}/cpu.max": "800000 100000"})) == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert cores(tmp_path) == 5


def test_as_many_trainings_at_once_as_the_quota_allows(monkeypatch) -> None:
    monkeypatch.setattr(host, "_quotas", lambda root: iter([1.0]))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    monkeypatch.setattr(pool.machine, "gpus", lambda: ())
    assert pool.slots() == 1


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCRATCH", str(tmp_path / "a [b] ü"))
    monkeypatch.delenv("NOWHERE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~", "{}/home"),
        ("~/r", "{}/home/r"),
        ("$HOME/r", "{}/home/r"),
        ("${SCRATCH}/r", "{}/a [b] ü/r"),
        ("$SCRATCH", "{}/a [b] ü"),
        ("/data/$SCRATCH", "/data/{}/a [b] ü"),
        ("r", "r"),
        ("./~", "~"),
        ("a~b", "a~b"),
        ("../r", "../r"),
        ("100$", "100$"),
        ("с пробелом [1]", "с пробелом [1]"),
    ],
)
def test_paths_as_a_shell_reads_them(home, text, path) -> None:
    assert expanded(text) == Path(path.format(home))


def test_a_dollar_in_the_name_of_what_is_there(home) -> None:
    (home / "cost$NOWHERE").mkdir()
    assert expanded("cost$NOWHERE") == Path("cost$NOWHERE")
    assert expanded(home / "cost$NOWHERE" / "new") == home / "cost$NOWHERE" / "new"
    with pytest.raises(PathError, match="variable NOWHERE is not set"):
        expanded("$NOWHERE/new")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$NOWHERE/r", "'$NOWHERE/r': the environment variable NOWHERE is not set"),
        ("${NOWHERE}", "'${NOWHERE}': the environment variable NOWHERE is not set"),
        (
            "~no-such-user/r",
            "'~no-such-user/r': no user is called no-such-user; write ./~no-such-user for a folder",
        ),
    ],
)
def test_what_is_not_set_is_named(home, monkeypatch, text, message) -> None:
    with pytest.raises(PathError) as caught:
        expanded(text)
    assert str(caught.value) == message
    for variable, read in (
        ("RESNET_EDU_RUNS", default_shelf),
        ("RESNET_EDU_DATA", data.data_root),
        ("RESNET_EDU_CACHE", cache_folder),
    ):
        monkeypatch.setenv(variable, text)
        with pytest.raises(PathError, match=f"^{variable} is "):
            read()


@pytest.mark.parametrize("text", ["~/r", "$HOME/r", "${HOME}/r"])
def test_every_folder_of_the_package_is_read_so(home, monkeypatch, text) -> None:
    folder = home / "home" / "r"
    for variable in ("RESNET_EDU_RUNS", "RESNET_EDU_DATA", "RESNET_EDU_CACHE"):
        monkeypatch.setenv(variable, text)
    assert default_shelf() == data.data_root() == cache_folder() == folder
    assert Shelf(text).path == Shelf().path == data.data_root(text) == folder
    assert list(home.iterdir()) == [], "no folder called ~"


def test_without_a_home_the_variable_is_named(monkeypatch, tmp_path) -> None:
    def unknown(_):
        raise KeyError("uid not found")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, read in (
        ("RESNET_EDU_RUNS", default_shelf),
        ("RESNET_EDU_DATA", data.data_root),
        ("RESNET_EDU_CACHE", cache_folder),
    ):
        monkeypatch.delenv(variable, raising=False)
        with pytest.raises(PathError, match=f"^no home is known; set HOME, or {variable} to a folder"):
            read()
    with pytest.raises(PathError, match="set HOME, it is unknown"):
        expanded("~/r")
