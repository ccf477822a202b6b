"""What the command prints, on any terminal: text is never read as markup, and any encoding can show it."""

from __future__ import annotations

import codecs
import io
import re
import sys
import unicodedata

from rich.console import Console
from rich.status import Status
from rich.text import Text

console = Console(highlight=False, markup=False, emoji=False)
"""Prints text as it is: brackets in a path are no markup, and a word between colons is no picture."""

_ASCII = {
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "·": "*",
    "±": "+-",
    "→": "->",
    "←": "<-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "∞": "inf",
    "√": "sqrt",
    "∂": "d",
    "∇": "grad ",
    "∘": "o",
    "━": "=",
    "─": "-",
    "╌": "-",
    "█": "#",
    "⁄": "/",
    "’": "'",
    "“": '"',
    "”": '"',
    "°": " degrees",
}
_GREEK = re.compile(r"GREEK (?:SMALL|CAPITAL) LETTER (?:FINAL )?([A-Z]+)")


def encode_anything() -> None:
    """Make stdout and stderr spell characters that their encoding lacks in ASCII, instead of raising."""
    codecs.register_error("resnet_edu", _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="resnet_edu")


def say(*lines: object) -> None:
    """Print each line whole, however long: a path that is broken in two cannot be copied."""
    for line in lines:
        console.print(str(line), soft_wrap=True)


def heading(name: str, rest: str = "") -> None:
    """Print a name in bold, and what is said about it."""
    console.print(Text.assemble((name, "bold"), rest), soft_wrap=True)


def waiting(text: str) -> Status:
    """A spinner beside the text, inside `with`."""
    return console.status(Text(text), spinner="dots" if writes_unicode() else "line")


def writes_unicode() -> bool:
    return console.encoding.lower().startswith("utf")


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    """The handler of encoding errors: the first character that cannot be written, in ASCII. A byte of a file
    name that is no text goes out as that byte."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _in_ascii(character), error.start + 1


def _in_ascii(character: str) -> str:
    """× as x, σ as sigma, ² as 2. Letters of names get their numbers: other letters would be other names."""
    if character in _ASCII:
        return _ASCII[character]
    if greek := _GREEK.fullmatch(unicodedata.name(character, "")):
        return greek[1].lower()
    parts = unicodedata.normalize("NFKD", character)
    if unicodedata.category(character) not in ("Lu", "Ll", "Lo") and parts != character:
        return "".join(each if each.isascii() else _ASCII.get(each, "") for each in parts) or "?"
    return character.encode("ascii", "backslashreplace").decode()
