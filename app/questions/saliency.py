"""What does the net look at? Maps of the plain and the residual twin for one test image."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import address
import numpy as np
import results
import streamlit as st
import twins
from answers import Answer, answers
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from resnet_edu.charts.saliency import saliency_maps

METHODS = {"saliency": "Saliency", "integrated_gradients": "Integrated Gradients"}
MEANING = {
    "saliency": "|∂ score / ∂ pixel|: how much the score changes when this pixel changes a little.",
    "integrated_gradients": "What each pixel adds to the score of a class (blue) or takes away (red), "
    "compared with the mean training image.",
}
LIMITS = {
    "saliency": "Saliency cannot tell whether a pixel speaks for or against the class, "
    "or what pixels do together.",
    "integrated_gradients": "Integrated Gradients cannot tell what pixels do together; "
    "and compared with another image than the mean, the map would be another.",
}
TARGETS = {"true": "the true class", "predicted": "what each net says"}
COUNT = 24
WAITING = "Asking both nets … Starting the worker: about ten seconds the first time"
PARAMETERS = ("nets", "depth", "seed", "image", "target", "method")


def page() -> None:
    title, switch = st.columns([5, 3], gap="medium", vertical_alignment="center")
    title.title("What does the net look at?", anchor=False)
    address.warn_into(st.container())
    address.check_names(PARAMETERS)
    method = address.read("method", list(METHODS), "saliency")
    with switch:
        address.press_one("method", "method", method, METHODS, label_visibility="collapsed", width="stretch")
    chosen = twins.choose()
    if chosen is None:
        return
    pair, place = chosen
    strip = answers([(run, "images", {"count": COUNT}) for run in pair], WAITING)
    if strip is None:
        return
    image, targets = choose_image(strip, place)
    questions = [
        (run, "saliency", {"image": image, "method": method, "target": target})
        for run, target in zip(pair, targets, strict=True)
    ]
    found = answers(questions, WAITING, meanwhile=draw_again)
    if found is not None:
        st.session_state["drawn"] = found, method, pair[0].experiment.net.depth
        draw(*st.session_state["drawn"])


def choose_image(strip: list[Answer], place: DeltaGenerator) -> tuple[int, list[int]]:
    """Number of the test image, and the class that each net is asked about."""
    facts, arrays = strip[0]
    numbers = list(range(len(arrays["images"])))
    image = address.read("image", numbers, 0)
    targets = TARGETS | {str(i): f"class {name}" for i, name in enumerate(facts["class_names"])}
    target = address.read("target", list(targets), "true")
    with place:
        address.pick_one("map for", "target", target, targets)
    pictures = {number: f"![{number}]({_picture(arrays['images'][number])})" for number in numbers}
    look = {"label_visibility": "collapsed", "wrap": True, "widget": st.pills}
    address.press_one("test image", "image", image, pictures, **look)
    if target == "predicted":
        return image, [facts["predicted"][image] for facts, _ in strip]
    return image, [facts["labels"][image] if target == "true" else int(target)] * 2


@st.cache_data(max_entries=512, show_spinner=False)
def _picture(pixels: np.ndarray) -> str:
    """uint8 [C, H, W] as a small picture that a label can hold."""
    rows = pixels.transpose(1, 2, 0)
    file = io.BytesIO()
    picture = Image.fromarray(rows[..., 0] if rows.shape[2] == 1 else rows)
    picture.resize((48, 48), Image.Resampling.NEAREST).save(file, "png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def draw_again() -> None:
    """The maps before, so that the page does not jump while the nets are asked."""
    if "drawn" in st.session_state:
        st.caption("Until then, the maps before:")
        draw(*st.session_state["drawn"])


def draw(found: list[Answer], method: str, depth: int) -> None:
    (plain, plain_arrays), (residual, residual_arrays) = found
    figure = saliency_maps(
        plain_arrays["image"],
        plain_arrays["map"],
        residual_arrays["map"],
        signed=method == "integrated_gradients",
        titles=("test image", f"plain {depth}", f"residual {depth}"),
        notes=(f"class <b>{plain['class_names'][plain['label']]}</b>", _says(plain), _says(residual)),
        template=results.template(),
    )
    results.heading(METHODS[method], f"{MEANING[method]} Both maps share one colour scale.")
    results.show(figure, "maps", "the image and both nets' maps of it")
    if method == "integrated_gradients":
        st.markdown(f"{_completeness('plain', plain)} {_completeness('residual', residual)}")
    st.markdown(LIMITS[method])


def _says(facts: dict[str, Any]) -> str:
    said, asked = (facts["class_names"][facts[which]] for which in ("predicted", "target"))
    return f"says <b>{said}</b>, {100 * max(facts['probabilities']):.0f} % sure<br>map for class {asked}"


def _completeness(net: str, facts: dict[str, Any]) -> str:
    error = facts["completeness_error"]
    if error is None or not math.isfinite(error):
        return f"The {net} net's score does not differ from that of the mean image."
    return f"The {net} net's map adds up to the whole difference in score within {100 * error:.2g} %."


page()
