"""What if a unit is missing? Units of trained twins, deleted, frozen or swapped by a click."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypedDict

import cache
import lesion_sweeps
import panels
import presentation
import streamlit as st
import twins
import url_state
from head import head, switch
from probe_client import Request, ask_probes

from resnet_edu import anatomy, charts
from resnet_edu.runs.answers import ProbeAnswer

TOOLS = {"delete": "Delete", "freeze": "Freeze", "swap": "Swap"}
HINTS = {
    "delete": "Click a unit, in either net, to delete it in both. Click it again to put it back.",
    "freeze": "Click a unit to give it, in both nets, the weights it began with, as if it alone had never "
    "learned. Click it again to give back what it learned.",
    "swap": "Click two units of the same sizes to put them in each other's place.",
}
SETS = {"train": "training", "test": "test"}
FEW, MANY = 200, 1000  # images: an answer at once, and a better one
WAITING = "Asking both nets … Starting the worker: about ten seconds the first time"
CHANGES = ("deleted", "frozen", "swapped", "picked")
PARAMETERS = ("nets", "depth", "seed", "of", "tool", *CHANGES)
Units = dict[str, list[str]]


class Lesion(TypedDict):
    """Arguments of the probe `lesion`."""

    delete: list[str]
    freeze: list[str]
    swap: list[list[str]]
    of: str


@dataclasses.dataclass(frozen=True)
class Changes:
    """The changes to units that the URL names.

    - `deleted`, `frozen`: units, in the net's order.
    - `swapped`: pairs of units.
    - `picked`: the first unit of a new pair, or "".
    """

    deleted: list[str]
    frozen: list[str]
    swapped: list[tuple[str, str]]
    picked: str

    @classmethod
    def read(cls, units: Units) -> Changes:
        return cls(
            deleted=url_state.read_several("deleted", list(units), []),
            frozen=url_state.read_several("frozen", list(units), []),
            swapped=url_state.read_pairs("swapped", list(units)),
            picked=url_state.read("picked", ["", *units], ""),
        )

    def lesion(self, of: str) -> Lesion:
        swap = [list(names) for names in self.swapped]
        return {"delete": self.deleted, "freeze": self.frozen, "swap": swap, "of": of}


def page() -> None:
    (beside,) = head("What if a unit is missing?", PARAMETERS, 3)
    tool = switch("tool", "tool", TOOLS, "delete", beside, clears=("picked",))
    chosen = twins.choose(usual=cache.REAL, usual_depth=20, clears=CHANGES)
    if chosen is None:
        return
    pair, place = chosen
    with place:
        of = url_state.read("of", list(SETS), "train")
        url_state.segmented("images", "of", of, SETS)
    units = _units(pair)
    changes = Changes.read(units)
    if presentation.wants("bench", "the units, and the error without some"):
        with presentation.place():
            draw_bench(pair, units, changes, tool)
            measured(pair, changes.lesion(of))
    lesion_sweeps.sweeps(pair, of, SETS[of])


def _units(pair: twins.Pair) -> Units:
    """Layer descriptions by unit; units with equal descriptions can be swapped."""
    nodes = cache.graph(pair[0].experiment.net)["nodes"]
    return {node["id"]: [row["text"] for row in node["layers"]] for node in nodes if node["kind"] == "unit"}


def draw_bench(pair: twins.Pair, units: Units, changes: Changes, tool: str) -> None:
    hint, chooser, repair = st.columns([3, 2, 1], gap="medium", vertical_alignment="center")
    if tool == "swap" and "swap-refused" in st.session_state:
        hint.warning(st.session_state["swap-refused"])
    else:
        hint.markdown(HINTS[tool])
    with chooser:
        choose_units(units, changes, tool)
    intact = not any(dataclasses.astuple(changes))
    repair.button("Repair all", on_click=_repair, disabled=intact, width="stretch")
    deleted, frozen = (", ".join(map(anatomy.part_label, each)) for each in (changes.deleted, changes.frozen))
    st.plotly_chart(
        charts.lesion_bench(
            list(units),
            {"plain": cache.name(pair[0]), "residual": cache.name(pair[1])},
            deleted=changes.deleted,
            frozen=changes.frozen,
            swapped=_places(units, changes.swapped),
            picked=changes.picked,
            template=panels.template(),
        ),
        key="bench",
        theme=None,
        config=charts.config() | {"displayModeBar": False},
        on_select=lambda: _clicked(units),
        selection_mode="points",
        alt=f"{len(units)} units of both nets; deleted: {deleted or 'none'}; frozen: {frozen or 'none'}",
    )


def choose_units(units: Units, changes: Changes, tool: str) -> None:
    """What a click on a unit does, as a list: for the keyboard, and for fingers on a small screen."""
    look: dict[str, Any] = {"format_func": anatomy.part_label, "label_visibility": "collapsed"}
    key = f"listed-{tool}"
    if tool == "swap":
        st.session_state[key] = None
        words = f"or choose a unit to swap with {anatomy.part_label(changes.picked)}"
        placeholder = words if changes.picked else "or choose a unit to swap"
        st.selectbox(
            "a unit to swap",
            list(units),
            key=key,
            placeholder=placeholder,
            on_change=lambda: _act(units, st.session_state[key]),
            **look,
        )
        return
    name, chosen = ("frozen", changes.frozen) if tool == "freeze" else ("deleted", changes.deleted)
    st.session_state[key] = chosen
    st.multiselect(
        f"{name} units",
        list(units),
        key=key,
        placeholder=f"or choose units to {tool}",
        on_change=lambda: _put(name, [each for each in units if each in st.session_state[key]]),
        **look,
    )


def _places(units: Units, swapped: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Place → the unit that is there now, for all places that changed."""
    now = {name: name for name in units}
    for one, other in swapped:
        now[one], now[other] = now[other], now[one]
    return {name: there for name, there in now.items() if there != name}


def _clicked(units: Units) -> None:
    st.session_state.pop("swap-refused", None)
    if points := st.session_state["bench"].selection.points:
        _act(units, points[0]["customdata"][0])


def _act(units: Units, name: str) -> None:
    """Delete, freeze or pick this unit, or put it back. Reads the URL again: a second click may come before
    the page reruns."""
    changes = Changes.read(units)
    tool = url_state.read("tool", list(TOOLS), "delete")
    if tool == "swap":
        _swap(units, changes, name)
    elif tool == "freeze":
        _put("frozen", _turned(units, changes.frozen, name))
    else:
        _put("deleted", _turned(units, changes.deleted, name))


def _turned(units: Units, chosen: Sequence[str], name: str) -> list[str]:
    """`chosen` with `name` added, or removed if it is there; in the net's order."""
    return [each for each in units if (each in chosen) != (each == name)]


def _swap(units: Units, changes: Changes, name: str) -> None:
    picked = changes.picked
    if not picked:
        url_state.set_params(picked=name)
        return
    if name != picked and units[name] != units[picked]:
        st.session_state["swap-refused"] = "Units of different sizes cannot change places."
    elif name != picked:
        pairs = [each for each in changes.swapped if set(each) != {name, picked}]
        pairs += [(picked, name)] if pairs == changes.swapped else []
        _put("swapped", ["~".join(each) for each in pairs])
    url_state.clear_params("picked")


def _put(name: str, values: list[str]) -> None:
    url_state.set_params(**{name: values}) if values else url_state.clear_params(name)


def _repair() -> None:
    st.session_state.pop("swap-refused", None)
    url_state.clear_params(*CHANGES)


def measured(pair: twins.Pair, lesion: Lesion) -> None:
    """Show the errors on a few images at once, then on more."""
    few = ask_probes(_requests(pair, lesion, FEW), WAITING, meanwhile=draw_again)
    if few is None:
        return
    more = ask_probes(
        _requests(pair, lesion, MANY), f"Now with {MANY:,} images", meanwhile=lambda: draw(pair, few)
    )
    if more is not None:
        st.session_state["lesioned"] = pair, more
        draw(pair, more)


def _requests(pair: twins.Pair, lesion: Lesion, images: int) -> list[Request]:
    return [(run, "lesion", {**lesion, "images": images}) for run in pair]


def draw_again() -> None:
    """Draw the previous numbers, so that the page does not jump."""
    if "lesioned" in st.session_state:
        st.caption("Until then, the numbers before:")
        draw(*st.session_state["lesioned"])


def draw(pair: twins.Pair, found: Sequence[ProbeAnswer]) -> None:
    for column, run, (facts, by_class) in zip(st.columns(2, gap="medium"), pair, found, strict=True):
        of = SETS[facts["of"]]
        worse = facts["changed_error"] - facts["intact_error"]
        with column:
            st.metric(
                f"{cache.name(run)}: error on {facts['images']:,} {of} images",
                f"{facts['changed_error']:.1f} %",
                f"{worse:+.1f} points".replace("-", "−") if facts["touched"] else None,
                delta_color="inverse" if round(worse, 1) else "off",
            )
            often = int(by_class["said"].argmax())
            said, name = by_class["said"][often], by_class["class"][often]
            intact = f"Intact: {facts['intact_error']:.1f} %."
            name = url_state.escaped(str(name))
            st.markdown(f"{intact} What it says most often: **{name}**, of {said:.0f} % of the images.")


page()
