"""What the nets are asked about: a test image, a photograph, or the reader's own picture."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Callable, Sequence
from typing import Any

import address
import numpy as np
import streamlit as st
from answers import Answer, Question, answers
from PIL import Image
from starlette.formparsers import MultiPartParser
from streamlit.delta_generator import DeltaGenerator

from resnet_edu import pictures
from resnet_edu.jobs import private
from resnet_edu.runs import Run

SOURCES = {
    "test": "Test image",
    "china": "Photograph: temple",
    "flower": "Photograph: flower",
    "own": "Your own picture",
}
TARGETS = {"true": "the true class", "predicted": "what each net says"}
COUNT = 24
ASKING = "Asking the nets … Starting the worker: about ten seconds the first time"
MultiPartParser.spool_max_size = 2 * pictures.MOST_BYTES  # else what is over 1 MB goes through a file
Net = Run | str
"""A run, or one of torchvision's nets: "torchvision:resnet-50"."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """`image` is a test image's number, or `pixels` uint8 [C, H, W] are asked about; `targets`, a class
    for each net, or None for what the net says itself."""

    image: int | None
    pixels: np.ndarray | None
    targets: tuple[int | None, ...]

    def ask(
        self,
        questions: Sequence[tuple[Net, str, dict[str, Any]]],
        nets: Sequence[Net],
        waiting: str = ASKING,
        meanwhile: Callable[[], None] = lambda: None,
        place: str = "",
    ) -> list[Answer] | None:
        """As `answers`, about this image. What concerns own pixels never reaches the disk."""
        asked = [
            (net, probe, arguments | {"target": self.targets[list(nets).index(net)]})
            for net, probe, arguments in questions
        ]
        if self.pixels is None:
            return answers(_kept(asked, self.image), waiting, meanwhile, place=place)
        try:
            with st.spinner(waiting):
                return [_directly(_source(net), probe, self.pixels, **more) for net, probe, more in asked]
        except private.ProbeError as error:
            st.error(address.escaped(f"{error}."))
            return None


def _source(net: Net) -> str:
    return net if isinstance(net, str) else str(net.path)


def _kept(asked: Sequence[tuple[Net, str, dict[str, Any]]], image: int | None) -> list[Question]:
    return [
        (net, probe, arguments | {"image": image}) for net, probe, arguments in asked if isinstance(net, Run)
    ]


@st.cache_data(max_entries=128, show_spinner=False)
def _directly(source: str, probe: str, pixels: np.ndarray, **arguments: Any) -> Answer:
    """In this server's memory only, and not for long. An error is no answer, and is not kept."""
    net = source if source.startswith("torchvision:") else Run(source)
    return private.ask(net, probe, pixels=pixels, **arguments)


def choose(nets: Sequence[Net], size: tuple[int, int, float], where: DeltaGenerator) -> Subject | None:
    """Fields for image and class. `size`: channels and side of what the nets take, and which share of a
    picture's middle. None while there is nothing to ask about."""
    runs = [net for net in nets if isinstance(net, Run)]
    sources = SOURCES if runs else {name: words for name, words in SOURCES.items() if name != "test"}
    source = address.read("of", list(sources), next(iter(sources)))
    with where:
        address.pick_one("picture", "of", source, sources, width=195)
    if source == "test":
        return _test_image(runs, where)
    picture = _uploaded() if source == "own" else _photograph(source)
    if runs:
        st.caption(pictures.advice(runs[0].experiment.data))
    if picture is None:
        return None
    return Subject(None, pictures.fitted(picture, *size), (None,) * len(nets))


def _test_image(runs: Sequence[Run], where: DeltaGenerator) -> Subject | None:
    strip = answers([(run, "images", {"count": COUNT}) for run in runs], ASKING)
    if strip is None:
        return None
    facts, arrays = strip[0]
    numbers = list(range(len(arrays["images"])))
    image = address.read("image", numbers, 0)
    targets = TARGETS | {str(i): f"class {name}" for i, name in enumerate(facts["class_names"])}
    target = address.read("target", list(targets), "true")
    with where:
        address.pick_one("map for", "target", target, targets, width=180)
    shown = {number: f"![{number}]({_thumbnail(arrays['images'][number])})" for number in numbers}
    look = {"label_visibility": "collapsed", "wrap": True, "widget": st.pills}
    address.press_one("test image", "image", image, shown, **look)
    if target == "predicted":
        return Subject(image, None, tuple(facts["predicted"][image] for facts, _ in strip))
    asked = facts["labels"][image] if target == "true" else int(target)
    return Subject(image, None, (asked,) * len(runs))


def _photograph(name: str) -> np.ndarray | None:
    try:
        picture = pictures.photograph(name)
    except pictures.PictureError as error:
        st.error(address.escaped(f"{error}."))
        return None
    st.caption(address.escaped(f"The photograph: {pictures.PHOTOGRAPHS[name]}."))
    return picture


def _uploaded() -> np.ndarray | None:
    """The reader's picture, uint8 [3, H, W]; what is wrong with a file is said in a sentence."""
    megabytes = pictures.MOST_BYTES // 1_000_000
    file = st.file_uploader(
        f"A PNG, JPEG or WebP of at most {megabytes} MB. It stays in this server's memory, and nothing of "
        "it is kept.",
        type=["png", "jpg", "jpeg", "webp"],
        max_upload_size=megabytes,
    )
    if file is None:
        return None
    try:
        return pictures.decoded(file.getvalue())
    except pictures.PictureError as error:
        name = " ".join(file.name.split())[:60]
        st.error(address.escaped(f"{name}: {error}."))
        return None


@st.cache_data(max_entries=512, show_spinner=False)
def _thumbnail(pixels: np.ndarray) -> str:
    """uint8 [C, H, W] as a small picture that a label can hold."""
    rows = pixels.transpose(1, 2, 0)
    file = io.BytesIO()
    picture = Image.fromarray(rows[..., 0] if rows.shape[2] == 1 else rows)
    picture.resize((48, 48), Image.Resampling.NEAREST).save(file, "png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
