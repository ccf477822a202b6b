"""Choose the image that the nets see: a test image, a photograph, or an uploaded picture."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import direct_client
import numpy as np
import streamlit as st
import url_state
import weights_offer
from errors import sentence
from PIL import Image
from probe_client import Request, ask_probes
from starlette.formparsers import MultiPartParser
from streamlit.delta_generator import DeltaGenerator

from resnet_edu import pictures
from resnet_edu.data import looks_present
from resnet_edu.experiment import Cifar10
from resnet_edu.jobs import private
from resnet_edu.photographs import CLASSES, Photograph, named, photographs
from resnet_edu.runs import Run
from resnet_edu.runs.answers import ProbeAnswer

SOURCES = {
    "test": "Test image",
    "china": "Photograph: temple",
    "flower": "Photograph: flower",
    "own": "Your own picture",
}
TARGETS = {"true": "the true class", "predicted": "what each net says"}
COUNT = 24
OPENING = "kingfisher"
ASKING = "Asking the nets … Starting the worker: about ten seconds the first time"
MultiPartParser.spool_max_size = 2 * pictures.MOST_BYTES  # else what is over 1 MB goes through a file
Net = Run | str
"""A run, or one of torchvision's nets: "torchvision:resnet-50"."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """One picture for all nets.

    - `kept`: arguments that name it in requests whose answers are kept: `image`, a test image's number, or
      `photograph`, the name of a shipped one; empty for an uploaded picture.
    - `pixels`: uint8 [C, H, W] of an uploaded picture.
    - `targets`: a class for each net, or None for the class that it predicts.
    """

    kept: Mapping[str, int | str]
    pixels: np.ndarray | None
    targets: tuple[int | None, ...]

    def ask(
        self,
        requests: Sequence[tuple[Net, str, dict[str, Any]]],
        nets: Sequence[Net],
        waiting: str = ASKING,
        meanwhile: Callable[[], None] = lambda: None,
        place: str = "",
    ) -> list[ProbeAnswer] | None:
        """Like `ask_probes`, about this image. An uploaded picture and its answers never reach the disk.

        - `requests`: nets, probes and their arguments.
        - `nets`: all nets, in the order of `targets`.
        - `waiting`, `meanwhile`, `place`: as for `ask_probes`.
        """
        asked = [
            (net, probe, arguments | {"target": self.targets[list(nets).index(net)]})
            for net, probe, arguments in requests
        ]
        if self.pixels is None:
            return ask_probes(_kept(asked, self.kept), waiting, meanwhile, place=place)
        try:
            with st.spinner(waiting):
                return [
                    direct_client.ask(net, probe, pixels=self.pixels, **more) for net, probe, more in asked
                ]
        except private.WeightsMissing as error:
            weights_offer.offer(error.net)
            return None
        except private.ProbeError as error:
            st.error(sentence(error))
            return None


def _kept(asked: Sequence[tuple[Net, str, dict[str, Any]]], kept: Mapping[str, int | str]) -> list[Request]:
    return [(net, probe, arguments | dict(kept)) for net, probe, arguments in asked if isinstance(net, Run)]


def choose(nets: Sequence[Net], size: tuple[int, int, float], where: DeltaGenerator) -> Subject | None:
    """Fields for image and class; None while no picture is chosen.

    - `nets`: that will see it.
    - `size`: channels and side of their images, and the share of a picture's middle that is used.
    - `where`: the container of the fields.
    """
    runs = [net for net in nets if isinstance(net, Run)]
    sources = _sources(runs)
    source = url_state.read("of", list(sources), next(iter(sources)))
    with where:
        url_state.select("picture", "of", source, sources, width=195)
    if source == "test":
        return _test_image(runs, where)
    if source in _shipped():
        return _shipped_photograph(source, len(nets), where)
    picture = _uploaded() if source == "own" else _photograph(source)
    if runs:
        st.caption(pictures.advice(runs[0].experiment.data))
    if picture is None:
        return None
    return Subject({}, pictures.fitted(picture, *size), (None,) * len(nets))


def _test_image(runs: Sequence[Run], where: DeltaGenerator) -> Subject | None:
    strip = ask_probes([(run, "images", {"count": COUNT}) for run in runs], ASKING)
    if strip is None:
        return None
    facts, arrays = strip[0]
    numbers = list(range(len(arrays["images"])))
    image = url_state.read("image", numbers, 0)
    target = _choose_target(facts["class_names"], where)
    shown = {number: f"![{number}]({_thumbnail(arrays['images'][number])})" for number in numbers}
    look = {"label_visibility": "collapsed", "wrap": True, "widget": st.pills}
    url_state.segmented("test image", "image", image, shown, **look)
    if target == "predicted":
        return Subject({"image": image}, None, tuple(facts["predicted"][image] for facts, _ in strip))
    asked = facts["labels"][image] if target == "true" else int(target)
    return Subject({"image": image}, None, (asked,) * len(runs))


def _shipped_photograph(name: str, count: int, where: DeltaGenerator) -> Subject:
    """A photograph of one of CIFAR-10's classes, which every net of CIFAR-10 sees at its own size."""
    photograph = _shipped()[name]
    target = _choose_target(CLASSES, where)
    st.caption(url_state.escaped(f"The photograph: {photograph.caption}."))
    asked = {"true": photograph.target, "predicted": None}
    return Subject({"photograph": name}, None, (asked[target] if target in asked else int(target),) * count)


def _choose_target(class_names: Sequence[str], where: DeltaGenerator) -> str:
    targets = TARGETS | {str(i): f"class {name}" for i, name in enumerate(class_names)}
    target = url_state.read("target", list(targets), "true")
    with where:
        url_state.select("map for", "target", target, targets, width=180)
    return target


def _sources(runs: Sequence[Run]) -> dict[str, str]:
    """What the nets can be asked about. CIFAR-10's own images come where they are on this machine, and the
    shipped photographs of its classes first."""
    if not runs:
        return {name: words for name, words in SOURCES.items() if name != "test"}
    if not isinstance(runs[0].experiment.data, Cifar10):
        return SOURCES
    shipped = {name: f"Photograph: {photograph.title}" for name, photograph in _shipped().items()}
    missing = {} if looks_present("cifar10") else {"test": "Test image (needs CIFAR-10, which is not here)"}
    return shipped | SOURCES | missing


def _shipped() -> dict[str, Photograph]:
    """Those of which a person sees at 32×32 pixels what they show; the clearest one first."""
    return {OPENING: named(OPENING)} | {photograph.name: photograph for photograph in photographs()}


def _photograph(name: str) -> np.ndarray | None:
    try:
        picture = pictures.photograph(name)
    except pictures.PictureError as error:
        st.error(sentence(error))
        return None
    st.caption(url_state.escaped(f"The photograph: {pictures.PHOTOGRAPHS[name]}."))
    return picture


def _uploaded() -> np.ndarray | None:
    """The uploaded picture, uint8 [3, H, W]; a broken file is explained in one sentence."""
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
        st.error(sentence(f"{name}: {error}"))
        return None


@st.cache_data(max_entries=512, show_spinner=False)
def _thumbnail(pixels: np.ndarray) -> str:
    """uint8 [C, H, W] as a small PNG in a data URL, for labels."""
    rows = pixels.transpose(1, 2, 0)
    file = io.BytesIO()
    picture = Image.fromarray(rows[..., 0] if rows.shape[2] == 1 else rows)
    picture.resize((48, 48), Image.Resampling.NEAREST).save(file, "png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
