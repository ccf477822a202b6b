"""What the gradient-flow picture has workers compute: the skip dial of one unit alone, and what twins trained
here lack beside recorded ones."""

from __future__ import annotations

from typing import cast

import errors
import flow_picture
import probe_client
import streamlit as st
from twins import Pair

from resnet_edu import flow
from resnet_edu.flow.contract import Dial, FlowData
from resnet_edu.flow.measured import DIAL, dial_data
from resnet_edu.runs.answers import answer_folder, answered, read_answer

ONE_UNIT = "A worker turns the shortcut of one unit …"
ALL_OF_IT = "A worker turns it to all other values of α …"
ALL = "A worker computes updates in slow motion and the skip dial …"
OFFER = "Compute one update in slow motion, and the skip dial"


def offered(pair: Pair, data: FlowData) -> FlowData:
    """The data with the updates and dials that these twins lack, once a reader has asked for them."""
    requests = [(run, *question) for run in pair for question in flow.unanswered(run)]
    key = f"flow-offer-{pair[0].name}"
    if not requests or not (st.session_state.get(key) or st.button(OFFER, key=f"{key}-button")):
        return data
    st.session_state[key] = True
    return data if probe_client.ask_probes(requests, ALL) is None else flow_picture.of(pair)


def with_one_unit(pair: Pair, data: FlowData) -> FlowData:
    """The data with the dial of the unit that the address names; a worker computes it if none has yet. The α
    of the address and α = 1 are answered first: the whole dial of a deep net takes seconds."""
    data = {**data, "worker": "ready"}
    request = _request(pair, data)
    if request is None:
        return data
    run, probe, arguments = request
    first = (run, probe, {**arguments, "alphas": _first_alphas(data)})
    asked = request if answered(answer_folder(*request)) else first
    found = probe_client.ask_probes([asked], ONE_UNIT, place="one unit")
    if found is None:
        return {**data, "worker": _error(asked) or "ready"}
    if asked is first:
        found = probe_client.ask_probes([request], ALL_OF_IT, place="one unit, the whole dial") or found
    dial = cast(Dial, dial_data(run.name, *found[0]))
    return {**data, "dials": [*data["dials"], dial]}


def _first_alphas(data: FlowData) -> list[float]:
    """The address's α and 1, the net as it is; 0 and 1 where these are the same."""
    alphas = data["dials"][0]["alphas"]
    try:
        wanted = float(st.query_params.get("alpha", "1"))
    except ValueError:
        wanted = alphas[-1]
    nearest = min(alphas, key=lambda alpha: abs(alpha - wanted))
    return [alphas[0] if nearest == alphas[-1] else nearest, alphas[-1]]


def _request(pair: Pair, data: FlowData) -> probe_client.Request | None:
    """What the address asks of the dial, where it names a unit; the picture says what it cannot mean."""
    named = st.query_params
    unit, number = named.get("unit", ""), named.get("dial", "0")
    dials = data.get("dials", [])
    if named.get("view") != "dial" or not number.isdecimal() or int(number) >= len(dials):
        return None
    dial = dials[int(number)]
    run = next(run for run in pair if run.name == dial["run"])
    net = next(net for net in data["nets"] if net["run"] == dial["run"])
    if unit not in [block["name"] for block in net["blocks"] if block["kind"] == "unit"]:
        return None
    return run, DIAL, {"step": dial["step"], "units": [unit]}


def _error(request: probe_client.Request) -> str | None:
    folder = answer_folder(*request)
    if not answered(folder):
        return None
    return f"The worker has no answer: {errors.without_folders(str(read_answer(folder).error))}."
