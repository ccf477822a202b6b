"""`make help` names every target, and an installation uses pip's mirror, certificates and proxy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.M))
LISTED = r"""
:env:.config-file='/somewhere/pip.conf'
:env:.extra-index-url=''
:env:.proxy='http://proxy.example:3128'
global.cert='/etc/own certificates.pem'
global.default-timeout='60'
global.extra-index-url='\nhttps://one.example/simple\nhttps://two.example/simple'
global.find-links='/wheels /more'
global.index-url='https://mirror.example/simple'
global.trusted-host='mirror.example\nother.example'
install.index-url='https://install.example/simple'
"""

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="a system without make")


@pytest.fixture
def like_pip(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import like_pip

    return like_pip


def makes(*words: str) -> str:
    return subprocess.run(["make", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


@needs_make
def test_help_names_every_target_with_what_it_does() -> None:
    listed = dict(re.findall(r"^make (\w+) +(\S.*)$", makes("help"), flags=re.M))
    assert set(listed) == TARGETS
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.M)
    assert phony
    assert set(phony[1].split()) == TARGETS


@needs_make
def test_every_installation_by_uv_has_pips_settings(tmp_path: Path) -> None:
    commands = makes("-n", "app", f"READY={tmp_path / 'ready'}", f"BIN={tmp_path}")
    by_uv = [line for line in commands.splitlines() if "/uv " in line]
    assert len(by_uv) == 2
    assert all(line.startswith(f"{tmp_path}/python tools/like_pip.py {tmp_path}/uv ") for line in by_uv)


def test_settings_are_those_of_pip_install(like_pip) -> None:
    assert like_pip.uv_variables(like_pip.read_settings(LISTED), {}) == {
        "UV_DEFAULT_INDEX": "https://install.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INSECURE_HOST": "mirror.example other.example",
        "SSL_CERT_FILE": "/etc/own certificates.pem",
        "UV_HTTP_TIMEOUT": "60",
        "ALL_PROXY": "http://proxy.example:3128",
    }


def test_variables_of_uvs_own_win(like_pip) -> None:
    own = {"UV_INDEX_URL": "https://own.example", "UV_INDEX_STRATEGY": "first-index", "HTTPS_PROXY": "own"}
    found = like_pip.uv_variables(like_pip.read_settings(LISTED), own | {"UV_INDEX": ""})
    assert {"UV_DEFAULT_INDEX", "UV_INDEX_STRATEGY", "ALL_PROXY"}.isdisjoint(found)
    assert "UV_INDEX" in found


def test_without_settings_nothing_is_set(like_pip) -> None:
    assert like_pip.uv_variables(like_pip.read_settings(""), {}) == {}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="make's recipes are for POSIX")
def test_variables_and_flags_reach_the_command(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://from.file/simple\nno-index = true\n")
    environment = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    shows = ["sh", "-c", 'echo "$UV_DEFAULT_INDEX $UV_INSECURE_HOST $*"', "uv", "pip", "install"]
    by_file = run_like_pip(shows, environment)
    assert by_file == "https://from.file/simple  pip install --no-index\n"
    told = {"PIP_INDEX_URL": "https://told/simple", "PIP_TRUSTED_HOST": "told", "PIP_NO_INDEX": "0"}
    assert run_like_pip(shows, environment | told) == "https://told/simple told pip install\n"


@pytest.mark.slow
def test_uv_asks_the_mirror_that_pip_is_set_to(tmp_path: Path) -> None:
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if uv is None:
        pytest.skip("uv is not here; `make` installs it")
    asked: list[str] = []

    class Mirror(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Mirror) as mirror:
        threading.Thread(target=mirror.serve_forever, daemon=True).start()
        try:
            named = os.environ | {"PIP_INDEX_URL": f"http://127.0.0.1:{mirror.server_port}/simple"}
            environment = {name: value for name, value in named.items() if not name.startswith("UV_")}
            environment |= {"PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "127.0.0.1"}
            environment |= {"UV_CACHE_DIR": str(tmp_path / "cache"), "PIP_FIND_LINKS": ""}
            install = [uv, "pip", "install", "--target", str(tmp_path / "here"), "no-such-package-as-this"]
            run_like_pip(install, environment, fails=True)
        finally:
            mirror.shutdown()
    assert "/simple/no-such-package-as-this/" in asked


def run_like_pip(command: list[str], environment: dict[str, str], *, fails: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "like_pip.py"), *command],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stdout
