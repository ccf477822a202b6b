"""The API pages: built for every module, without a warning, and readable without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from pkgutil import walk_packages

import pytest

import resnet_edu

ROOT = Path(__file__).parents[2]
LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"https?:[^>]*>|@import|url\(https?:")


@pytest.mark.slow
def test_every_module_has_a_page_that_needs_no_network(tmp_path: Path) -> None:
    pytest.importorskip("pdoc")
    build = [sys.executable, "-W", "error", str(ROOT / "tools" / "api.py"), str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    names = {found.name for found in walk_packages(resnet_edu.__path__, "resnet_edu.")}
    missing = [name for name in names if not (tmp_path / f"{name.replace('.', '/')}.html").exists()]
    assert missing == ["resnet_edu.__main__"]
    pages = {path: path.read_text("utf-8") for path in tmp_path.rglob("*.html")}
    assert {path: found[0] for path, text in pages.items() if (found := LOADED.search(text))} == {}
    assert not LOADED.search('<a href="https://pdoc.dev">')
    assert LOADED.search('<script src="https://cdn.example/math.js">')
    jobs = pages[tmp_path / "resnet_edu" / "jobs.html"]
    assert 'href="jobs/jobs.html#submit"' in jobs
