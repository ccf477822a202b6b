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
from subjects import Subject

from resnet_edu import charts, pictures
from resnet_edu.methods import METHODS

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
    chosen = twins.choose()
    if chosen is None:
        return
    pair, place = chosen
    size = (*pictures.size_for(pair[0].experiment.data), 1.0)
    subject = subjects.choose(pair, size, place)
    with place:
        overlay = address.read("over", list(OVER), "no")
        address.press_one("maps", "over", overlay, OVER)
    methods, unit = choose_methods(pair, several=rows == "methods")
    if subject is None:
        return
    for found in each_row(rows, pair, methods):
        draw_row(subject, *found, unit=unit, overlay=overlay == "yes")
    trusting.section(subject, pair, methods[0], _unit_of(methods[0], unit))


def choose_methods(pair: twins.Pair, several: bool) -> tuple[list[str], str]:
    """Methods, and the unit for those that look at one."""
    titles = {name: method.title for name, method in METHODS.items()}
    asked = address.read_several("methods", list(METHODS), ["saliency"])
    asked = asked if several else asked[:1]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        if several:
            address.press_several("methods", "methods", asked, titles)
        else:
            address.pick_one("method", "methods", asked[0], titles, width=260)
        units = [
            node["id"] for node in readers.graph(pair[0].experiment.net)["nodes"] if node["kind"] == "unit"
        ]
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


def _unit_of(method: str, unit: str) -> dict[str, str]:
    return {"unit": unit} if METHODS[method].of_unit else {}


def draw_row(
    subject: Subject, pair: twins.Pair, method: str, step: int | None, words: str, *, unit: str, overlay: bool
) -> None:
    """The twins' maps once they are there; until then, the maps that stood in this place."""
    of_unit = _unit_of(method, unit) if unit in _units(pair) else {}
    asked = {"method": method, **of_unit} | ({} if step is None else {"step": step})
    kept = f"drawn-{method}-{words}"
    place = f"{method} {words}"

    def draw_again() -> None:
        if kept in st.session_state:
            draw(pair, method, words, *st.session_state[kept])

    questions = [(run, "saliency", asked) for run in pair]
    found = subject.ask(questions, pair, WAITING, draw_again, place)
    if found is not None:
        st.session_state[kept] = found, overlay
        draw(pair, method, words, found, overlay)


def _units(pair: twins.Pair) -> set[str]:
    return {node["id"] for node in readers.graph(pair[0].experiment.net)["nodes"]}


def draw(pair: twins.Pair, method: str, words: str, found: Sequence[Answer], overlay: bool) -> None:
    facts, arrays = found[0]
    label = facts["label"]
    truth = "your picture" if label is None else f"class <b>{facts['class_names'][label]}</b>"
    figure = charts.saliency_maps(
        arrays["image"],
        {net: answer["map"] for net, (_, answer) in zip(("plain", "residual"), found, strict=True)},
        signed=METHODS[method].signed,
        scale=SCALES.get(method, POINTS),
        titles=("image", *(readers.name(run) for run in pair)),
        notes=(truth, *(_says(facts) for facts, _ in found)),
        overlay=overlay,
        template=results.template(),
    )
    about = METHODS[method]
    results.heading(words, address.escaped(about.measures))
    results.show(
        figure, f"maps-{method}-{words}".replace(" ", "-"), f"the image and both nets' maps: {words}"
    )
    complete = [_completeness(readers.name(run), facts) for run, (facts, _) in zip(pair, found, strict=True)]
    st.markdown(" ".join([*filter(None, complete), address.escaped(about.cannot_tell)]))
    st.caption(address.escaped(f"{about.source}. Both maps share one colour scale."))


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
