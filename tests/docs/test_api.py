"""The API pages that `make docs` builds from the docstrings."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

MODULES = ("resnet_edu.experiment", "resnet_edu.anatomy", "resnet_edu.references")


@pytest.mark.slow
def test_api_pages_are_built_and_need_no_network(tmp_path):
    subprocess.run([sys.executable, "-m", "pdoc", "--output-directory", tmp_path, *MODULES], check=True)
    pages = {name: (tmp_path / f"{name.replace('.', '/')}.html").read_text("utf-8") for name in MODULES}
    assert "Everything that decides the numbers of one training" in pages["resnet_edu.experiment"]
    assert "reported by He et al. 2015" in pages["resnet_edu.references"]
    for page in pages.values():
        assert not re.findall(r'(?:src|rel="stylesheet" href)="https?:', page)
