"""Where does the gradient go? Plain and residual twins, unit by unit, through every recorded step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import cache
import flow_answers
import flow_picture
import fresh_nets
import streamlit as st
import twins
import url_state
from errors import sentence, show_errors
from head import head

from resnet_edu.flow import FlowError
from resnet_edu.flow.contract import FlowData

POLL_SECONDS = 1.5
NETS = {"trained": "Trained twins", "fresh": "Any net at its start"}
PARAMETERS = ("of", "nets", "depth", "seed", *flow_picture.VIEW, *fresh_nets.PARAMETERS)


@dataclasses.dataclass(frozen=True)
class Start:
    """A view to start from.

    - `title`: of its button.
    - `view`: the URL parameters that it sets.
    - `look_for`, `not_shown`: what to look for in it, and what it does not show.
    """

    title: str
    view: Mapping[str, str]
    look_for: str
    not_shown: str


STARTS = (
    Start(
        "Before the first step",
        {"q": "weight", "step": "0"},
        "Follow the plain net's dashed line from the loss, on the right, to the image. With batch "
        "normalisation its gradient *grows* on the way, at 56 layers by orders of magnitude: it explodes, "
        "where tutorials say that it vanishes. The residual net's line stays nearly flat.",
        "A norm says how long a gradient is, not whether it points anywhere useful.",
    ),
    Start(
        "While it fails",
        {"q": "weight", "step": "23"},
        "Press play. Within a few steps the plain net's first layers get far less gradient than its last "
        "ones, and its loss stays where it was. The residual net's layers keep getting as much as before, "
        "and its loss falls.",
        "Small gradients and a failing training come together here. Which causes which, it does not say.",
    ),
    Start(
        "Same length, other direction",
        {"q": "correlation", "step": "0"},
        "This is the cosine between the gradients at two nearly equal inputs: 1 where both point the same "
        "way. Towards the image it falls to almost nothing in the plain net: neighbouring images ask for "
        "unrelated changes, even where the norms look healthy.",
        "It is measured at evaluations only. Between them the picture keeps the last value.",
    ),
)


def page() -> None:
    (beside,) = head("Where does the gradient go?", PARAMETERS, 9)
    nets = url_state.read("of", list(NETS), "trained")
    with beside:
        pair = twins.choose_trained() if nets == "trained" else None
        if nets == "fresh":
            st.caption(fresh_nets.ABOUT)
    starts(nets)
    if nets == "fresh":
        fresh_nets.draw()
    elif pair is not None:
        show(pair)


def show(pair: twins.Pair) -> None:
    """The twins' recorded steps; while they train, the page polls for new ones. Of trained twins, workers
    compute what the picture asks for."""
    ended = all(state.ended for state in cache.statuses(cache.paths(pair)))
    st.fragment(_twins, run_every=None if ended else POLL_SECONDS)(pair, ended)


def draw(pair: twins.Pair, completed: Callable[[FlowData], FlowData] = lambda data: data) -> None:
    """The picture, above what `completed` shows while it adds to the data."""
    place = st.container()
    try:
        data = completed(flow_picture.of(pair))
    except FlowError as error:
        st.error(sentence(error))
        return
    with place:
        flow_picture.draw(data, f"flow-{pair[0].name}")


@show_errors()
def _twins(pair: twins.Pair, ended: bool) -> None:
    """The picture, in one place for nets in training and trained ones: it goes on, and is not made anew. New
    steps are appended, and axes hold all steps from the start."""
    if ended:
        draw(pair, lambda data: flow_answers.with_one_unit(pair, flow_answers.offered(pair, data)))
        return
    if all(state.ended for state in cache.statuses(cache.paths(pair))):
        st.rerun()
    draw(pair)


def starts(nets: str) -> None:
    """Three views to start from, and what to look for in each; and a switch to nets at their start."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="starts"):
        look = {"label_visibility": "collapsed", "clears": flow_picture.VIEW}
        url_state.segmented("nets", "of", nets, NETS, **look)
        for number, start in enumerate(STARTS):
            st.button(start.title, key=f"start-{number}", on_click=_begin, args=(number,))
        with st.popover("What to look for", type="tertiary"):
            for start in STARTS:
                st.markdown(f"**{start.title}.** {start.look_for} *What it does not show:* {start.not_shown}")


def _begin(number: int) -> None:
    url_state.clear_params("of", *flow_picture.VIEW)
    url_state.set_params(**STARTS[number].view)


page()
