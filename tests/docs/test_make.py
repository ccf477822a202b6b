"""`make` on machines of other people: pip's mirror reaches uv, and `make help` names every target."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
FAKE_PYTHON = """#!/bin/sh
[ "$*" = "-m pip config get global.index-url" ] || exit 1
echo https://mirror.example/configured
"""


@pytest.fixture
def uv_sees(tmp_path):
    """Runs a fake uv in an environment of its own by tools/uv.sh; returns its UV_ variables."""
    for name, text in {"python": FAKE_PYTHON, "uv": "#!/bin/sh\nenv\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def run(**settings: str) -> dict[str, str]:
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
        command = ["sh", ROOT / "tools" / "uv.sh", tmp_path, "pip", "install"]
        lines = subprocess.run(command, env=outside | settings, text=True, check=True, stdout=subprocess.PIPE)
        pairs = [line.split("=", 1) for line in lines.stdout.splitlines() if line.startswith("UV_")]
        return {name: value.strip() for name, value in pairs}

    return run


def test_pips_variables_become_uvs(uv_sees):
    pip = {
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example https://b.example",
        "PIP_TRUSTED_HOST": "mirror.example",
    }
    assert uv_sees(**pip) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_INSECURE_HOST": "mirror.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_pips_configuration_is_read_where_no_variable_is_set(uv_sees):
    assert uv_sees() == {"UV_DEFAULT_INDEX": "https://mirror.example/configured"}


def test_uvs_own_variables_take_precedence(uv_sees):
    seen = uv_sees(UV_DEFAULT_INDEX="https://own.example", PIP_INDEX_URL="https://mirror.example/simple")
    assert seen == {"UV_DEFAULT_INDEX": "https://own.example"}


def test_make_installs_through_it():
    recipe = MAKEFILE[MAKEFILE.index("$(READY): requirements.txt") :]
    assert (
        re.findall(r"^\t(.*) pip install .*(?:-r requirements|--editable)", recipe, flags=re.M)
        == ["sh tools/uv.sh $(BIN)"] * 2
    )


def test_help_names_every_target_with_what_it_does():
    shown = subprocess.run(["make", "help"], cwd=ROOT, text=True, check=True, stdout=subprocess.PIPE).stdout
    targets = re.findall(r"^([a-z]+):", MAKEFILE, flags=re.M)
    assert [line.split()[1] for line in shown.splitlines()] == targets
    assert all(len(line.split()) > 2 for line in shown.splitlines())
