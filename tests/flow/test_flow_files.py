"""The module, the single file, the widget, the command: put together without a build step."""

from __future__ import annotations

import json
import re

import pytest

from resnet_edu import flow
from resnet_edu.flow.bundle import FOLDER, HOSTS, MODULES
from resnet_edu.flow.html import embedded


def test_every_module_is_bundled_after_those_that_it_uses():
    assert sorted(MODULES) == sorted(path.stem for path in (FOLDER / "js").glob("*.js"))
    for i, name in enumerate(MODULES):
        text = (FOLDER / "js" / f"{name}.js").read_text("utf-8")
        used = re.findall(r'from "\./(\w+)\.js"', text)
        assert set(used) <= set(MODULES[:i]), name
        assert len(text.splitlines()) <= 260, name


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_gets_one_module_without_imports(host):
    text = flow.script(host)
    assert not re.search(r"^import\b", text, re.MULTILINE)
    exports = re.findall(r"^export .*", text, re.MULTILINE)
    assert len(exports) == (0 if host == "html" else 1)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_an_unknown_host_is_refused():
    with pytest.raises(ValueError, match="allowed: none, html, streamlit, anywidget"):
        flow.script("notebook")


def test_no_text_in_the_data_can_leave_its_element(data):
    nasty = "</script><script>alert(1)</script><!-- \u2028"
    changed = {**data, "title": nasty, "note": nasty}
    text = flow.page(changed)
    assert text.count("<script") == 2
    assert "alert(1)</script" not in text
    inside = re.search(r'<script type="application/json" id="flow-data">(.*?)</script>', text, re.DOTALL)[1]
    assert json.loads(inside) == json.loads(json.dumps(changed))
    assert "<" not in embedded(changed)


def test_the_file_allows_no_request(data):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', flow.page(data))[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy


def test_streamlit_gets_texts_only():
    parts = flow.streamlit_parts()
    assert all(isinstance(part, str) for part in parts)
    assert "export default function" in parts.js
    rules = re.findall(r"^([^@\s/}][^{]*)\{", parts.css, re.MULTILINE)
    assert rules
    assert all(rule.startswith((".flow", "body.flow-page")) for rule in rules)


def test_the_widget_holds_data_and_state(data):
    pytest.importorskip("anywidget")
    from resnet_edu.flow.widget import widget

    shown = widget(data, "q=ratio")
    assert shown.state == "q=ratio"
    assert shown.data["nets"][0]["label"] == "plain-56"
    assert "export default { render }" in shown._esm


def test_the_command_writes_the_file(tmp_path, capsys):
    import argparse

    from resnet_edu.cli import flow as command

    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    path = tmp_path / "digits.html"
    options = parser.parse_args(["flow", "resnet-8-digits-s0", "--html", str(path)])
    assert options.run(options) == 0
    assert "plain-8-digits-s0" in capsys.readouterr().out
    assert path.read_text("utf-8").startswith("<!doctype html>")
