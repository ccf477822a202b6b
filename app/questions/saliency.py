"""What does the net look at? Maps of the plain and the residual twin, by method, depth or training step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cache
import image_picker
import panels
import streamlit as st
import trust_section
import twins
import url_state
from head import head, switch
from image_picker import Net, Subject
from streamlit.delta_generator import DeltaGenerator

from resnet_edu import anatomy, charts, pictures
from resnet_edu.charts.style import net_of
from resnet_edu.experiment.net import IMAGENET_DEPTHS, Imagenet
from resnet_edu.methods import METHODS, TERMS
from resnet_edu.runs.answers import ProbeAnswer

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
PARAMETERS = ("nets", "depth", "seed", "of", "image", "target", "rows", "methods", "unit", "over")
Row = tuple[Sequence[Net], int | None, str]  # the training step (None: the last), and words for the row


def page() -> None:
    (beside,) = head("What does the net look at?", PARAMETERS, 3)
    if st.query_params.get("nets") == OFFICIAL:
        official()
        return
    rows = switch("compare", "rows", ROWS, "methods", beside)
    more = {OFFICIAL: "torchvision's ImageNet nets (downloaded when first asked)"}
    chosen = twins.choose(usual=cache.REAL, usual_depth=20, clears=("unit",), also=more)
    if chosen is None:
        return
    pair, place = chosen
    size = (*pictures.size_for(pair[0].experiment.data), 1.0)
    subject = image_picker.choose(pair, size, place)
    overlay = choose_overlay(place)
    units = [node["id"] for node in cache.graph(pair[0].experiment.net)["nodes"] if node["kind"] == "unit"]
    methods, unit = choose_methods(units, several=rows == "methods")
    if subject is None:
        return
    for method in methods:
        draw_method(subject, method, each_row(rows, pair), unit=unit, overlay=overlay)
    st.caption(TERMS)
    trust_section.section(subject, pair, methods[0], unit_of(methods[0], unit))


def official() -> None:
    """One of torchvision's nets, which has no plain twin, on photographs and uploaded pictures."""
    with st.container(horizontal=True, gap="small"):
        families = {name: each.words for name, each in twins.families().items()}
        words = {OFFICIAL: "torchvision's ImageNet nets", **families}
        url_state.select("trained nets", "nets", OFFICIAL, words, width=440, clears=("depth", "of", "unit"))
        depth = url_state.read("depth", IMAGENET_DEPTHS, 50)
        url_state.segmented("depth", "depth", depth, IMAGENET_DEPTHS, clears=("unit",))
        place = st.container(horizontal=True, gap="small", width="content")
    net = f"torchvision:resnet-{depth}"
    (channels, side), keep = pictures.IMAGENET_SIZE, pictures.IMAGENET_KEEP
    subject = image_picker.choose([net], (channels, side, keep), place)
    overlay = choose_overlay(place)
    units = [node["id"] for node in cache.graph(Imagenet(depth=depth))["nodes"] if node["kind"] == "unit"]
    methods, unit = choose_methods(units, several=True)
    if subject is None:
        return
    for method in methods:
        if not draw_method(subject, method, [((net,), None, "")], unit=unit, overlay=overlay):
            return  # the other methods would fail too
    st.caption(TERMS)


def choose_overlay(place: DeltaGenerator) -> bool:
    with place:
        overlay = url_state.read("over", list(OVER), "no")
        url_state.segmented("maps", "over", overlay, OVER)
    return overlay == "yes"


def choose_methods(units: Sequence[str], several: bool) -> tuple[list[str], str]:
    """Fields for methods, and for the unit of those that explain one."""
    titles = {name: method.title for name, method in METHODS.items()}
    asked = url_state.read_several("methods", list(METHODS), ["saliency"])
    asked = asked if several else asked[:1]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        if several:
            url_state.pills("methods", "methods", asked, titles)
        else:
            url_state.select("method", "methods", asked[0], titles, width=260)
        unit = url_state.read("unit", units, units[-1])
        if any(METHODS[name].of_unit for name in asked):
            url_state.select(
                "unit", "unit", unit, {each: anatomy.full_label(each) for each in units}, width=280
            )
    return asked, unit


def each_row(rows: str, pair: twins.Pair) -> list[Row]:
    """The rows of maps of each method: one, or one per depth or training step."""
    if rows == "depths":
        pairs = twins.of_all_depths(pair)
        return [(each, None, f"{each[0].experiment.net.depth} layers") for each in pairs]
    if rows == "steps":
        kept = sorted(set(pair[0].weight_steps()) & set(pair[1].weight_steps()))
        return [(pair, step, f"after {step:,} steps") for step in (0, *kept)]
    return [(pair, None, "")]


def unit_of(method: str, unit: str) -> dict[str, str]:
    return {"unit": unit} if METHODS[method].of_unit else {}


def draw_method(subject: Subject, method: str, rows: Sequence[Row], *, unit: str, overlay: bool) -> bool:
    """Show what the method measures, its maps, and its limits. True if all maps have arrived."""
    about = METHODS[method]
    panels.heading(about.title, url_state.escaped(about.measures))
    there = [
        draw_row(subject, nets, method, step, words, unit=unit, overlay=overlay) for nets, step, words in rows
    ]
    st.markdown(url_state.escaped(about.cannot_tell))
    shared = " Both maps share one colour scale" if len(rows[0][0]) > 1 else ""
    own = "; each row has its own" if len(rows) > 1 else ""
    st.caption(url_state.escaped(f"{about.source}.{shared}{own}{'.' if shared else ''}"))
    return all(there)


def draw_row(
    subject: Subject,
    nets: Sequence[Net],
    method: str,
    step: int | None,
    words: str,
    *,
    unit: str,
    overlay: bool,
) -> bool:
    """Draw the nets' maps. While they are computed, return False and draw the previous maps of this place."""
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
    return found is not None


def _has(net: Net, unit: str) -> bool:
    """False for a shallower net without this unit; its last unit is explained instead."""
    if isinstance(net, str):
        return True
    return any(node["id"] == unit for node in cache.graph(net.experiment.net)["nodes"])


def _name(net: Net) -> str:
    return net.partition(":")[2] if isinstance(net, str) else cache.name(net)


def draw(nets: Sequence[Net], method: str, words: str, found: Sequence[ProbeAnswer], overlay: bool) -> None:
    facts, arrays = found[0]
    label = facts["label"]
    truth = "as the net is given it" if label is None else f"class <b>{facts['class_names'][label]}</b>"
    names = [_name(net) for net in nets]
    figure = charts.saliency_maps(
        arrays["image"],
        {net_of(name): answer["map"] for name, (_, answer) in zip(names, found, strict=True)},
        signed=METHODS[method].signed,
        scale=SCALES.get(method, POINTS),
        titles=("image", *names),
        notes=(truth, *(_says(facts) for facts, _ in found)),
        overlay=overlay,
        template=panels.template(),
    )
    if words:
        st.markdown(f"**{words}**")
    alt = f"the image and its maps: {METHODS[method].title} {words}".rstrip()
    panels.show(figure, f"maps-{method}-{words}".replace(" ", "-"), alt, larger=1)
    complete = [_completeness(name, facts) for name, (facts, _) in zip(names, found, strict=True)]
    if any(complete):
        st.markdown(" ".join(filter(None, complete)))


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
