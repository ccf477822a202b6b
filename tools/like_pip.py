"""Runs a uv command with pip's settings: `python tools/like_pip.py .venv/bin/uv pip install …`.

uv installs much faster than pip, but reads neither PIP_… variables nor pip.conf. Behind a mirror or a proxy,
and without a network, an installation works only with these. Variables of uv's own that are set win.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "proxy": ("ALL_PROXY", "HTTPS_PROXY", "https_proxy", "all_proxy"),
}
"""pip's setting → uv's variable, and others that say the same."""
SEPARATORS = {"UV_INDEX": " ", "UV_FIND_LINKS": ",", "UV_INSECURE_HOST": " "}
SECTIONS = ("global.", "install.", ":env:.")  # the later one wins


def main(command: Sequence[str]) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    )
    settings = read_settings(listed.stdout)
    flags = ["--no-index"] if settings.get("no-index", "").lower() in ("1", "true", "yes", "on") else []
    os.execvpe(command[0], [*command, *flags], os.environ | uv_variables(settings, os.environ))


def read_settings(listed: str) -> dict[str, str]:
    """The settings for `pip install` in what `pip config list` prints; empty ones are left out."""
    settings = {}
    for section in SECTIONS:
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section) and (text := str(ast.literal_eval(value)).strip()):
                settings[name.removeprefix(section)] = text
    return settings


def uv_variables(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """What pip's settings are in uv's words, without those that the environment has already."""
    variables = {}
    for name, (variable, *others) in VARIABLES.items():
        if name in settings and not any(environment.get(other) for other in (variable, *others)):
            parts = settings[name].split() if variable in SEPARATORS else [settings[name]]
            variables[variable] = SEPARATORS.get(variable, "").join(parts)
    if "UV_INDEX" in variables and "UV_INDEX_STRATEGY" not in environment:
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does; uv would stop at the first index
    return variables


if __name__ == "__main__":
    main(sys.argv[1:])
