"""The picture as one HTML file that opens from disk: no server, no network, no Python."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from pathlib import Path

from resnet_edu.flow.bundle import script, style
from resnet_edu.flow.contract import FlowData
from resnet_edu.runs import files

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{css}</style>
</head>
<body class="flow-page">
<main id="flow"></main>
<noscript>This picture is drawn by JavaScript, which is switched off here.</noscript>
<script type="application/json" id="flow-data">{data}</script>
<script type="module">{js}</script>
</body>
</html>
"""


def page(data: FlowData) -> str:
    """The file's text. Its content policy allows no request at all, and no script but its own."""
    js, css = script("html"), style()
    policy = (
        f"default-src 'none'; script-src '{_digest(js)}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    names = " and ".join(net["label"] for net in data["nets"])
    title = html.escape(f"Where does the gradient go? {names}, {data['title']}")
    return _PAGE.format(policy=policy, title=title, css=css, data=embedded(data), js=js)


def write_page(data: FlowData, path: str | Path) -> Path:
    """Writes the file; its folder must exist."""
    target = Path(path)
    with files.naming(target):
        target.write_text(page(data), encoding="utf-8", newline="\n")
    return target


def embedded(data: FlowData) -> str:
    """JSON for inside a script element: no text in it can end the element or open a comment."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    escapes: dict[str, str | int | None] = {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
    return text.translate(str.maketrans(escapes))


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
