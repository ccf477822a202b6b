"""What does the net look at? Maps of the plain and the residual twin, by method, depth or training step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import address
import readers
import results
import streamlit as st
import subjects
import trusting
import twins
from answers import Answer
from streamlit.delta_generator import DeltaGenerator
from subjects import Net, Subject

from resnet_edu import charts, pictures
from resnet_edu.charts.style import net_of
from resnet_edu.methods import METHODS
from resnet_edu.netspec import IMAGENET_DEPTHS, Imagenet

OFFICIAL = "torchvision"
ROWS = {"methods": "Methods", "depths": "Depths", "steps": "Training"}
OVER = {"no": "alone", "yes": "over the image"}
POINTS = "points of the score"
SCALES = {
    "saliency": "|∂ score / ∂ pixel|",
    "smooth_grad": "|∂ score / ∂ pixel|",
    "guided_backprop": "guided ∂ score / ∂ pixel",
    "guided_grad_cam": "guided gradient × Grad-CAM",
    "grad_cam": "Grad-CAM",
}
WAITING = "Asking both nets … Starting the worker: about ten seconds the first time"
PARAMETERS = ("nets", "depth", "seed", "of", "image", "target", "rows", "methods", "unit", "over", "step")


def page() -> None:
    title, switch = st.columns([5, 3], gap="medium", vertical_alignment="center")
    title.title("What does the net look at?", anchor=False)
    address.warn_into(st.container())
    address.check_names(PARAMETERS)
    rows = address.read("rows", list(ROWS), "methods")
    with switch:
        look = {"label_visibility": "collapsed", "width": "stretch"}
        address.press_one("compare", "rows", rows, ROWS, **look)
    if st.query_params.get("nets") == OFFICIAL:
        official()
        return
    more = {OFFICIAL: "torchvision's ImageNet nets (downloaded when first asked)"}
    chosen = twins.choose(forget=("unit",), also=more)
    if chosen is None:
        return
    pair, place = chosen
    size = (*pictures.size_for(pair[0].experiment.data), 1.0)
    subject = subjects.choose(pair, size, place)
    overlay = choose_overlay(place)
    units = [node["id"] for node in readers.graph(pair[0].experiment.net)["nodes"] if node["kind"] == "unit"]
    methods, unit = choose_methods(units, several=rows == "methods")
    if subject is None:
        return
    for nets, method, step, words in each_row(rows, pair, methods):
        draw_row(subject, nets, method, step, words, unit=unit, overlay=overlay)
    trusting.section(subject, pair, methods[0], unit_of(methods[0], unit))


def official() -> None:
    """One of torchvision's nets, which has no plain twin; about photographs and own pictures."""
    with st.container(horizontal=True, gap="medium"):
        families = {name: each.words for name, each in twins.families().items()}
        words = {OFFICIAL: "torchvision's ImageNet nets", **families}
        address.pick_one("trained nets", "nets", OFFICIAL, words, width=440, forget=("depth", "of", "unit"))
        depth = address.read("depth", IMAGENET_DEPTHS, 50)
        address.press_one("depth", "depth", depth, IMAGENET_DEPTHS, forget=("unit",))
        place = st.container(horizontal=True, gap="medium", width="content")
    net = f"torchvision:resnet-{depth}"
    (channels, side), keep = pictures.IMAGENET_SIZE, pictures.IMAGENET_KEEP
    subject = subjects.choose([net], (channels, side, keep), place)
    overlay = choose_overlay(place)
    units = [node["id"] for node in readers.graph(Imagenet(depth=depth))["nodes"] if node["kind"] == "unit"]
    methods, unit = choose_methods(units, several=True)
    if subject is None:
        return
    for method in methods:
        draw_row(subject, (net,), method, None, METHODS[method].title, unit=unit, overlay=overlay)


def choose_overlay(place: DeltaGenerator) -> bool:
    with place:
        overlay = address.read("over", list(OVER), "no")
        address.press_one("maps", "over", overlay, OVER)
    return overlay == "yes"


def choose_methods(units: Sequence[str], several: bool) -> tuple[list[str], str]:
    """Methods, and the unit for those that look at one."""
    titles = {name: method.title for name, method in METHODS.items()}
    asked = address.read_several("methods", list(METHODS), ["saliency"])
    asked = asked if several else asked[:1]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        if several:
            address.press_several("methods", "methods", asked, titles)
        else:
            address.pick_one("method", "methods", asked[0], titles, width=260)
        unit = address.read("unit", units, units[-1])
        if any(METHODS[name].of_unit for name in asked):
            address.pick_one("unit", "unit", unit, dict(zip(units, units, strict=True)), width=160)
    return asked, unit


def each_row(rows: str, pair: twins.Pair, methods: Sequence[str]) -> list[tuple]:
    """Pair of runs, method, training step (None: the last), and words, of each row of maps."""
    if rows == "depths":
        pairs = twins.of_all_depths(pair)
        return [(each, methods[0], None, f"{each[0].experiment.net.depth} layers") for each in pairs]
    if rows == "steps":
        kept = sorted(set(pair[0].weight_steps()) & set(pair[1].weight_steps()))
        return [(pair, methods[0], step, f"after {step:,} steps") for step in (0, *kept)]
    return [(pair, method, None, METHODS[method].title) for method in methods]


def unit_of(method: str, unit: str) -> dict[str, str]:
    return {"unit": unit} if METHODS[method].of_unit else {}


def draw_row(
    subject: Subject,
    nets: Sequence[Net],
    method: str,
    step: int | None,
    words: str,
    *,
    unit: str,
    overlay: bool,
) -> None:
    """The nets' maps once they are there; until then, the maps that stood in this place."""
    of_unit = unit_of(method, unit) if _has(nets[0], unit) else {}
    asked = {"method": method, **of_unit} | ({} if step is None else {"step": step})
    place = f"{method} {words}"

    def draw_again() -> None:
        if place in st.session_state:
            draw(*st.session_state[place])

    questions = [(net, "saliency", asked) for net in nets]
    found = subject.ask(questions, nets, WAITING, draw_again, place)
    if found is not None:
        st.session_state[place] = nets, method, words, found, overlay
        draw(nets, method, words, found, overlay)


def _has(net: Net, unit: str) -> bool:
    """Of shallower nets in a row of their own, the last unit is asked instead."""
    if isinstance(net, str):
        return True
    return any(node["id"] == unit for node in readers.graph(net.experiment.net)["nodes"])


def _name(net: Net) -> str:
    return net.partition(":")[2] if isinstance(net, str) else readers.name(net)


def draw(nets: Sequence[Net], method: str, words: str, found: Sequence[Answer], overlay: bool) -> None:
    facts, arrays = found[0]
    label = facts["label"]
    truth = "your picture" if label is None else f"class <b>{facts['class_names'][label]}</b>"
    names = [_name(net) for net in nets]
    figure = charts.saliency_maps(
        arrays["image"],
        {net_of(name): answer["map"] for name, (_, answer) in zip(names, found, strict=True)},
        signed=METHODS[method].signed,
        scale=SCALES.get(method, POINTS),
        titles=("image", *names),
        notes=(truth, *(_says(facts) for facts, _ in found)),
        overlay=overlay,
        template=results.template(),
    )
    about = METHODS[method]
    results.heading(words, address.escaped(about.measures))
    results.show(figure, f"maps-{method}-{words}".replace(" ", "-"), f"the image and its maps: {words}")
    complete = [_completeness(name, facts) for name, (facts, _) in zip(names, found, strict=True)]
    st.markdown(" ".join([*filter(None, complete), address.escaped(about.cannot_tell)]))
    shared = " Both maps share one colour scale." if len(nets) > 1 else ""
    st.caption(address.escaped(f"{about.source}.{shared}"))


def _says(facts: dict[str, Any]) -> str:
    said, asked = (facts["class_names"][facts[which]] for which in ("predicted", "target"))
    return f"says <b>{said}</b>, {100 * max(facts['probabilities']):.0f} % sure<br>map for class {asked}"


def _completeness(net: str, facts: dict[str, Any]) -> str:
    error = facts["completeness_error"]
    if error is None:
        return ""
    if not math.isfinite(error):
        return f"The score of {net} does not differ from that of the mean image."
    return f"The map of {net} adds up to the whole difference in score within {100 * error:.2g} %."


page()
