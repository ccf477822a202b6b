"""The app as a server: reachable from this machine alone and without telemetry, wherever it is started."""

from __future__ import annotations

import os
import re
import sys
import zipfile
from pathlib import Path
from subprocess import run as run_command

import pytest
from protocol import MAIN, STREAMLIT, Visitor, served
from waiting import until

from resnet_edu.cli import app, main, parser

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
COMMAND = (sys.executable, "-m", "resnet_edu", "app", "--no-browser", "--port")
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}
needs_proc = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system has no /proc")


def listens_on(host: str) -> set[str]:
    """The addresses, as /proc writes them, at which this port is open."""
    port = f"{int(host.split(':')[1]):04X}"
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        if (file := Path("/proc/net", name)).exists()
        for line in file.read_text().splitlines()[1:]
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[1].endswith(f":{port}")}


@needs_proc
@pytest.mark.parametrize("command", [STREAMLIT, COMMAND], ids=["streamlit run", "resnet-edu app"])
def test_from_any_directory_it_listens_on_localhost_and_sends_no_telemetry(tmp_path, command):
    with served(tmp_path, command) as host:
        assert listens_on(host)
        assert listens_on(host) <= LOOPBACK
        with Visitor(host) as visitor:
            begun = visitor.wait(lambda message: message.WhichOneof("type") == "new_session")
            assert not begun.new_session.config.gather_usage_stats
            assert "supported" in visitor.finished()
        log = (tmp_path / "server.log").read_text()
        assert "usage statistics" not in log
        assert "External" not in log


STAND_IN = """
import sys
from resnet_edu.jobs import private
private.COMMAND = (sys.executable, {child!r})
"""
CHILD = """
import sys, time
from pathlib import Path
from resnet_edu.jobs.private import pack, receive, send, unpack
here = Path(__file__).parent
while True:
    question, _ = unpack(receive(sys.stdin.buffer))
    with (here / "asked").open("a") as file:
        file.write(question["source"] + chr(10))
    while not (here / "go").exists():
        time.sleep(0.02)
    send(sys.stdout.buffer, pack({"error": "a stand-in has no answer"}, {}))
"""


def test_who_moves_on_leaves_no_direct_question_behind_and_others_are_served(tmp_path):
    """The child holds the first question until the visitor has moved on four times."""
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    (tmp_path / "sitecustomize.py").write_text(STAND_IN.format(child=str(child)))
    path = f"{tmp_path}{os.pathsep}{MAIN.parents[1]}"
    with served(tmp_path, PYTHONPATH=path) as host, Visitor(host, "gradients", "of=fresh&a-depth=8") as one:
        until(lambda: (tmp_path / "asked").exists())
        for depth in (14, 20, 26, 32):
            one.rerun(f"of=fresh&a-depth={depth}")
            one.wait(lambda message: message.WhichOneof("type") == "new_session")
            one.wait(lambda message: "Computing one backward pass" in str(message))
        with Visitor(host, "inside") as other:
            assert "The whole net" in other.finished()
        (tmp_path / "go").touch()
        assert "a stand-in has no answer" in one.finished()
    asked = re.findall(r"net.depth=(\d+)", (tmp_path / "asked").read_text())
    assert asked[:2] == ["8", "32"]
    assert not {"14", "20", "26"} & set(asked)


@needs_proc
def test_settings_elsewhere_do_not_open_it(tmp_path):
    """Neither those of the directory in which it is started, nor those of the user."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(
        '[server]\naddress = "0.0.0.0"\n[browser]\ngatherUsageStats = true\n'
    )
    with served(tmp_path) as host, Visitor(host) as visitor:
        assert listens_on(host) <= LOOPBACK
        begun = visitor.wait(lambda message: message.WhichOneof("type") == "new_session")
        assert not begun.new_session.config.gather_usage_stats


@needs_proc
def test_the_owner_may_open_it(tmp_path):
    open_it = (*COMMAND[:-1], "--address", "0.0.0.0", "--max-minutes", "0.001", "--port")
    with served(tmp_path, open_it) as host:
        assert listens_on(host) == {"00000000"}
        with Visitor(host) as visitor:
            assert "allowed for one visitor: 0 s" in visitor.finished()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--max-minutes", "soon"], "RESNET_EDU_MAX_MINUTES is 'soon'; allowed: a number above 0"),
        (["--max-memory=-1"], "RESNET_EDU_MAX_MEMORY is '-1'"),
    ],
)
def test_a_limit_that_is_no_number_is_one_line(words, message, capsys, monkeypatch):
    for name in ("MINUTES", "MEMORY"):
        monkeypatch.setenv(f"RESNET_EDU_MAX_{name}", "1")  # what the command writes is taken back
    assert main(["app", *words]) == 2
    assert message in capsys.readouterr().err


def test_without_the_app_or_streamlit_one_line_helps(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(app, "PLACES", (tmp_path,))
    assert main(["app"]) == 2
    assert f"the app is not in {tmp_path}; run it from a checkout" in capsys.readouterr().err
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    assert main(["app"]) == 2
    assert "pip install 'resnet-edu[app]'" in capsys.readouterr().err


def test_flags_say_what_keeps_it_private():
    words = app.command(parser().parse_args(["app"]))
    assert words[4:] == [
        *(str(MAIN), "--server.address", "localhost", "--server.port", "8501", "--server.headless", "false"),
        *("--browser.gatherUsageStats", "false", "--client.showErrorDetails", "none"),
    ]


def test_a_wheel_holds_the_app_where_the_command_looks_for_it(tmp_path):
    pytest.importorskip("setuptools")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path]
    sources = tmp_path / "sources"
    copied = run_command(["git", "ls-files", "-z"], cwd=MAIN.parents[1], capture_output=True, text=True)
    if copied.returncode:
        pytest.skip("this copy is no git repository")
    for name in copied.stdout.split("\0"):
        if re.match(r"(app|resnet_edu)/(?!recorded)|[^/]+$", name) and (MAIN.parents[1] / name).is_file():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            (sources / name).write_bytes((MAIN.parents[1] / name).read_bytes())
    run_command([*build, str(sources)], check=True, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    (wheel,) = tmp_path.glob("*.whl")
    held = {
        name.split(".data/data/")[1] for name in zipfile.ZipFile(wheel).namelist() if ".data/data/" in name
    }
    place = "share/resnet-edu/app"
    assert app.PLACES[1].as_posix().endswith(place)
    here = {path.relative_to(MAIN.parent).as_posix() for path in MAIN.parent.rglob("*.py")}
    assert held == {f"{place}/{name}" for name in here | {".streamlit/config.toml"}}
