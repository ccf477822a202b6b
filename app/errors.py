"""Errors reach the page as one sentence; tracebacks go to the terminal that serves it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import streamlit as st
import url_state

import resnet_edu
from resnet_edu.experiment.spec import SpecError
from resnet_edu.host import cache_folder
from resnet_edu.runs import RunError, Shelf, recorded

_PATH = re.compile(
    r"(?<![\w:/\\.~)])(?:/|[A-Za-z]:[\\/]|\\\\)(?:[^\s'\"<>|:;,()\\/]+[\\/])*([^\s'\"<>|:;,()\\/]+)"
)
"""An absolute path, on Unix or Windows; its last name is the group."""


@contextmanager
def show_errors() -> Iterator[None]:
    """Show exceptions on the page. Wrap each fragment too: Streamlit runs fragments on their own."""
    try:
        yield
    except (SpecError, RunError, OSError) as error:
        st.error(sentence(error))
    except Exception:
        logging.getLogger("resnet_edu").exception("while drawing the page")
        st.error("Something went wrong that should not. The terminal that serves this page says what.")


def sentence(error: object) -> str:
    """An error as Markdown: without folders of the server, escaped, and with a full stop. All messages of the
    package go through here before a visitor sees them."""
    return url_state.escaped(f"{without_folders(str(error))}.")


def without_folders(text: str) -> str:
    """Names relative to the shelf, or to another folder of the server, instead of absolute paths."""
    for folder, name in _folders().items():
        text = text.replace(f"{folder}{os.sep}", "")
        text = re.sub(rf"{re.escape(folder)}(?![\w.-])", name, text)
    return _PATH.sub(r"\1", text)


def _folders() -> dict[str, str]:
    """Folders of the server, and what to call them; inner ones first. Their names may have blanks, at which
    `_PATH` ends."""
    named = {Shelf().path: "the folder of runs", recorded().path: "the recorded runs"}
    named |= {cache_folder(): "the cache", Path(resnet_edu.__file__).parent.parent: "the server's code"}
    with suppress(OSError, RuntimeError):  # removed meanwhile; a user without a home
        named |= {Path.cwd(): "the server's folder", Path.home(): "the server's home"}
    found = {
        str(each): name for path, name in named.items() for each in (path.absolute(), path.resolve(), path)
    }
    inner = sorted(found, key=len, reverse=True)
    return {folder: found[folder] for folder in inner if os.sep in folder.rstrip(os.sep)}
