"""Photographs of six of CIFAR-10's ten classes that ship with the package. They are not from the data set.

All are CC0 or in the public domain; `sources.toml` names author, source and evidence of each. A net gets
them in the same way as a learner's own picture:

>>> pixels = pictures.fitted(named("owl").pixels(), *pictures.size_for(run.experiment.data))
"""

from __future__ import annotations

import dataclasses
import tomllib
from functools import cache
from pathlib import Path

import numpy as np

from resnet_edu.pictures import PictureError, decoded

FOLDER = Path(__file__).parent
LICENCES = ("CC0-1.0", "public domain")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""CIFAR-10's classes, in the order of its labels."""
NOT_FROM_DATA_SET = "not from the data set"


@dataclasses.dataclass(frozen=True)
class Photograph:
    """One photograph, 256×256 pixels, and its credit.

    name     what URLs and `named` call it
    label    the CIFAR-10 class it belongs to, as the data set spells it
    title    what it shows, in words
    author   who took it
    source   where it was published: a URL, or package and file
    licence  one of `LICENCES`
    path     the JPEG file
    """

    name: str
    label: str
    title: str
    author: str
    source: str
    licence: str
    path: Path

    @property
    def caption(self) -> str:
        """Title, class, author, source and licence in one line, for below the picture."""
        what = f"{self.title} (CIFAR-10's class “{self.label}”, {NOT_FROM_DATA_SET})"
        return f"{what}, by {self.author}, {self.source.removeprefix('https://')}, {self.licence}"

    @property
    def target(self) -> int:
        """The label of its class, 0 … 9."""
        return CLASSES.index(self.label)

    def pixels(self) -> np.ndarray:
        """uint8 [3, 256, 256]; raises `PictureError` if the file is missing or damaged."""
        try:
            return decoded(self.path.read_bytes())
        except OSError:
            raise PictureError(f"{self.path} is missing; install resnet-edu again") from None


@cache
def photographs() -> tuple[Photograph, ...]:
    """All photographs in the order of `sources.toml`, grouped by class."""
    rows = tomllib.loads((FOLDER / "sources.toml").read_text(encoding="utf-8"))["photograph"]
    return tuple(_photograph(row) for row in rows)


def named(name: str) -> Photograph:
    """The photograph of that name; raises `PictureError` listing the names for any other."""
    known = {photograph.name: photograph for photograph in photographs()}
    if name not in known:
        raise PictureError(f"name is {name!r}; allowed: {', '.join(known)}")
    return known[name]


def _photograph(row: dict[str, str]) -> Photograph:
    fields = {key: row[key] for key in ("name", "label", "title", "author", "source", "licence")}
    return Photograph(**fields, path=FOLDER / f"{row['name']}.jpg")
