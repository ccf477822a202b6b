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
from head import head, switch
from streamlit.delta_generator import DeltaGenerator
from subjects import Net, Subject

from resnet_edu import charts, pictures
from resnet_edu.charts.style import net_of
from resnet_edu.experiment.net import IMAGENET_DEPTHS, Imagenet
from resnet_edu.methods import METHODS, TERMS

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
    chosen = twins.choose(usual=readers.REAL, usual_depth=20, forget=("unit",), also=more)
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
    for method in methods:
        draw_method(subject, method, each_row(rows, pair), unit=unit, overlay=overlay)
    st.caption(TERMS)
    trusting.section(subject, pair, methods[0], unit_of(methods[0], unit))


def official() -> None:
    """One of torchvision's nets, which has no plain twin; about photographs and own pictures."""
    with st.container(horizontal=True, gap="small"):
        families = {name: each.words for name, each in twins.families().items()}
        words = {OFFICIAL: "torchvision's ImageNet nets", **families}
        address.pick_one("trained nets", "nets", OFFICIAL, words, width=440, forget=("depth", "of", "unit"))
        depth = address.read("depth", IMAGENET_DEPTHS, 50)
        address.press_one("depth", "depth", depth, IMAGENET_DEPTHS, forget=("unit",))
        place = st.container(horizontal=True, gap="small", width="content")
    net = f"torchvision:resnet-{depth}"
    (channels, side), keep = pictures.IMAGENET_SIZE, pictures.IMAGENET_KEEP
    subject = subjects.choose([net], (channels, side, keep), place)
    overlay = choose_overlay(place)
    units = [node["id"] for node in readers.graph(Imagenet(depth=depth))["nodes"] if node["kind"] == "unit"]
    methods, unit = choose_methods(units, several=True)
    if subject is None:
        return
    for method in methods:
        if not draw_method(subject, method, [((net,), None, "")], unit=unit, overlay=overlay):
            return  # what one method cannot have, the others cannot
    st.caption(TERMS)


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
            address.pick_one("unit", "unit", unit, dict(zip(units, units, strict=True)), width=140)
    return asked, unit


def each_row(rows: str, pair: twins.Pair) -> list[Row]:
    """The rows of maps that each method gets: one, or one for each depth or training step."""
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
    """What the method measures, its maps, and what it cannot tell. True when all maps were there."""
    about = METHODS[method]
    results.heading(about.title, address.escaped(about.measures))
    there = [
        draw_row(subject, nets, method, step, words, unit=unit, overlay=overlay) for nets, step, words in rows
    ]
    st.markdown(address.escaped(about.cannot_tell))
    shared = " Both maps share one colour scale" if len(rows[0][0]) > 1 else ""
    own = "; each row has its own" if len(rows) > 1 else ""
    st.caption(address.escaped(f"{about.source}.{shared}{own}{'.' if shared else ''}"))
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
    """The nets' maps once they are there; until then, False, and the maps that stood in this place."""
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
    """Of shallower nets in a row of their own, the last unit is asked instead."""
    if isinstance(net, str):
        return True
    return any(node["id"] == unit for node in readers.graph(net.experiment.net)["nodes"])


def _name(net: Net) -> str:
    return net.partition(":")[2] if isinstance(net, str) else readers.name(net)


def draw(nets: Sequence[Net], method: str, words: str, found: Sequence[Answer], overlay: bool) -> None:
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
        template=results.template(),
    )
    if words:
        st.markdown(f"**{words}**")
    alt = f"the image and its maps: {METHODS[method].title} {words}".rstrip()
    results.show(figure, f"maps-{method}-{words}".replace(" ", "-"), alt)
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
