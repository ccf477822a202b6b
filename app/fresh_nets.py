"""Any net at its start: fields for two settings, and the gradients that both fresh nets have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import direct_client
import flow_picture
import streamlit as st
import url_state
from errors import sentence

from resnet_edu import flow
from resnet_edu.experiment import Digits, Experiment, Net
from resnet_edu.experiment.fresh import fresh_experiment, fresh_source
from resnet_edu.experiment.net import INITS, ORDERS
from resnet_edu.experiment.spec import SpecError
from resnet_edu.flow.contract import FreshProfile
from resnet_edu.flow.drawing import drawn_blocks
from resnet_edu.flow.measured import FRESH, fresh_net
from resnet_edu.jobs import private

SIDES = ("a", "b")
DEEPEST = 110
WORDS: Mapping[str, Mapping[Any, str]] = {
    "family": {"cifar": "convolutional", "dense": "dense"},
    "shortcut": {
        "none": "plain: no shortcut",
        "A": "identity shortcut (A)",
        "B": "projection where sizes change (B)",
        "C": "projection everywhere (C)",
        "scaled": "shortcut × ½",
        "highway": "highway",
    },
    "norm": {"batch": "batch norm", "group": "group norm", "layer": "layer norm", "none": "no norm"},
    "init": {init: f"{init} init" for init in INITS},
    "order": {order: f"order: {order.replace('-', ' ')}" for order in ORDERS},
    "unit": {
        "basic": "2-layer units",
        "1layer": "1-layer units",
        "3layer": "3-layer units",
        "bottleneck": "bottlenecks",
    },
    "width": {width: f"width {width}" for width in (4, 8, 16, 32)},
}
USUAL: Mapping[str, Any] = {
    "family": "cifar",
    "norm": "batch",
    "init": "he",
    "order": ORDERS[0],
    "unit": "basic",
    "width": 8,
    "depth": 56,
}
WIDTHS = {
    "family": 152,
    "shortcut": 193,
    "norm": 138,
    "init": 150,
    "order": 160,
    "unit": 140,
    "width": 110,
    "depth": 125,
}
"""Of the fields, in pixels; a small screen shrinks them."""
FIRST = {"a": "none", "b": "A"}
PARAMETERS = tuple(f"{side}-{name}" for side in SIDES for name in (*WORDS, "depth"))
ABOUT = (
    "Nothing is trained here: these are the gradients of 64 real digits before the first step, the mean "
    "loss of the batch sent back once. Batch norms go by the batch, as in training."
)


def draw() -> None:
    """A row of fields for each net, in the order of the picture below them. A setting that is refused says
    why in its place."""
    with st.container(gap="xsmall", key="fresh"):
        profiles = [profile for side in SIDES for profile in _profile_of(side)]
    if profiles:
        data = flow.fresh_data(*profiles)
        flow_picture.draw(data, "flow-fresh-" + "-".join(net["label"] for net in data["nets"]))


def _profile_of(side: str) -> list[FreshProfile]:
    """The profile of this side's net; empty, with the reason shown, where there is none."""
    try:
        return [_profile(fresh_source(_experiment(side)))]
    except (SpecError, private.ProbeError) as error:
        st.error(sentence(error))
        return []


def _experiment(side: str) -> Experiment:
    """What the fields of this side say; raises `SpecError`."""
    chosen: dict[str, Any] = {}
    with st.container(horizontal=True, gap="xsmall", key=f"fresh-{side}"):
        for name, words in WORDS.items():
            usual = FIRST[side] if name == "shortcut" else USUAL[name]
            chosen[name] = _field(side, name, words, usual)
        depths = _depths(chosen["family"], chosen["unit"])
        usual = min(depths, key=lambda depth: abs(depth - USUAL["depth"]))
        depth = _field(side, "depth", {each: f"{each} layers" for each in depths}, usual)
    query = _query(chosen["family"], chosen["unit"], depth)
    query |= {f"net.{name}": str(chosen[name]) for name in ("shortcut", "norm", "init", "order", "width")}
    return Experiment(Experiment.from_query(query).net, Digits())


def _field(side: str, name: str, words: Mapping[Any, str], usual: Any) -> Any:
    chosen = url_state.read(f"{side}-{name}", list(words), usual)
    look = {"label_visibility": "collapsed", "width": WIDTHS[name]}
    url_state.select(f"{name} of net {side}", f"{side}-{name}", chosen, words, **look)
    return chosen


@st.cache_data(show_spinner=False)
def _depths(family: str, unit: str) -> list[int]:
    """The depths up to `DEEPEST` that nets of this family can have with such units."""
    found = []
    for depth in range(4, DEEPEST + 1):
        try:
            found.append(Experiment.from_query(_query(family, unit, depth)).net.depth)
        except SpecError:
            continue
    return found


def _query(family: str, unit: str, depth: int) -> dict[str, str]:
    words = "" if unit == "basic" else f"-{unit}"
    return {"net": f"{family}-resnet-{depth}{words}"}


def _profile(source: str) -> FreshProfile:
    """Computed by the process for direct questions."""
    with st.spinner("Computing one backward pass …"):
        facts, arrays = direct_client.ask(source, FRESH)
    experiment = fresh_experiment(source)
    blocks, layers = drawn_blocks(experiment.net, experiment.data, [str(name) for name in arrays["layer"]])
    named = facts | {"net": ", ".join([str(facts["net"]), *_unusual(experiment.net)])}
    return cast(FreshProfile, fresh_net(named, arrays, blocks, layers))


def _unusual(net: Net) -> list[str]:
    """What a net's name leaves out, where it is not as usual."""
    chosen = {"norm": net.norm.kind, "init": net.init, "width": net.width}
    return [WORDS[name].get(value, str(value)) for name, value in chosen.items() if value != USUAL[name]]
