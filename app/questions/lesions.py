"""What if a block is missing? Blocks of trained twins, deleted, frozen or swapped by a click."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import address
import pandas as pd
import readers
import results
import streamlit as st
import twins
from answers import Answer, answers
from head import head, switch

from resnet_edu import charts

TOOLS = {"delete": "Delete", "freeze": "Freeze", "swap": "Swap"}
HINTS = {
    "delete": "Click a block, in either net, to delete it in both. Click it again to put it back.",
    "freeze": "Click a block to give it, in both nets, the weights it began with, as if it alone had never "
    "learned. Click it again to give back what it learned.",
    "swap": "Click two blocks of the same sizes to put them in each other's place.",
}
SETS = {"train": "training", "test": "test"}
FEW, MANY = 200, 1000  # images: an answer at once, and a better one
WAITING = "Asking both nets … Starting the worker: about ten seconds the first time"
SWEEPS = (
    ("lesions", "Every block in turn", "one block is missing; level lines: the whole net", 1000),
    ("random_lesions", "Many at once", "chosen at random, several draws", 200),
    (
        "shuffles",
        "Another order",
        "equal sizes, swapped at random (Veit 2016 §4.3); tau: 1 − 2 × the share of reversed pairs",
        200,
    ),
)
CHANGES = ("deleted", "frozen", "swapped", "picked")
PARAMETERS = ("nets", "depth", "seed", "of", "tool", *CHANGES)
Units = dict[str, list[str]]


@dataclasses.dataclass(frozen=True)
class Changes:
    """What the address says of the blocks."""

    deleted: list[str]
    frozen: list[str]
    swapped: list[tuple[str, str]]
    picked: str

    @classmethod
    def read(cls, units: Units) -> Changes:
        return cls(
            deleted=address.read_several("deleted", list(units), []),
            frozen=address.read_several("frozen", list(units), []),
            swapped=address.read_pairs("swapped", list(units)),
            picked=address.read("picked", ["", *units], ""),
        )

    def asked(self, of: str) -> dict[str, Any]:
        swap = [list(names) for names in self.swapped]
        return {"delete": self.deleted, "freeze": self.frozen, "swap": swap, "of": of}


def page() -> None:
    (beside,) = head("What if a block is missing?", PARAMETERS, 3)
    tool = switch("tool", "tool", TOOLS, "delete", beside, forget=("picked",))
    chosen = twins.choose(usual=readers.REAL, usual_depth=20, forget=CHANGES)
    if chosen is None:
        return
    pair, place = chosen
    with place:
        of = address.read("of", list(SETS), "train")
        address.press_one("images", "of", of, SETS)
    units = _units(pair)
    changes = Changes.read(units)
    draw_bench(pair, units, changes, tool)
    measured(pair, changes.asked(of))
    sweeps(pair, of)


def _units(pair: twins.Pair) -> Units:
    """Each unit with the words of its layers, by which units of the same sizes are told."""
    nodes = readers.graph(pair[0].experiment.net)["nodes"]
    return {node["id"]: [row["text"] for row in node["layers"]] for node in nodes if node["kind"] == "unit"}


def draw_bench(pair: twins.Pair, units: Units, changes: Changes, tool: str) -> None:
    hint, repair = st.columns([5, 1], gap="medium", vertical_alignment="center")
    if tool == "swap" and "bench-refused" in st.session_state:
        hint.warning(st.session_state["bench-refused"])
    else:
        hint.markdown(HINTS[tool])
    intact = not any(dataclasses.astuple(changes))
    repair.button("Repair all", on_click=_repair, disabled=intact, width="stretch")
    deleted, frozen = address.as_text(changes.deleted), address.as_text(changes.frozen)
    st.plotly_chart(
        charts.lesion_bench(
            list(units),
            {"plain": readers.name(pair[0]), "residual": readers.name(pair[1])},
            deleted=changes.deleted,
            frozen=changes.frozen,
            swapped=_places(units, changes.swapped),
            picked=changes.picked,
            template=results.template(),
        ),
        key="bench",
        theme=None,
        config=charts.config() | {"displayModeBar": False},
        on_select=lambda: _clicked(units),
        selection_mode="points",
        alt=f"{len(units)} blocks of both nets; deleted: {deleted or 'none'}; frozen: {frozen or 'none'}",
    )


def _places(units: Units, swapped: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Where another unit stands, and which."""
    stands = {name: name for name in units}
    for one, other in swapped:
        stands[one], stands[other] = stands[other], stands[one]
    return {name: there for name, there in stands.items() if there != name}


def _clicked(units: Units) -> None:
    """Goes by the address as it is now: a quick reader clicks again before the page is drawn."""
    st.session_state.pop("bench-refused", None)
    points = st.session_state["bench"].selection.points
    if not points:
        return
    name, changes = points[0]["customdata"][0], Changes.read(units)
    tool = address.read("tool", list(TOOLS), "delete")
    if tool == "swap":
        _swap(units, changes, name)
    elif tool == "freeze":
        _put("frozen", _turned(units, changes.frozen, name))
    else:
        _put("deleted", _turned(units, changes.deleted, name))


def _turned(units: Units, chosen: Sequence[str], name: str) -> list[str]:
    """`chosen` with this one in, or out if it was in; in the order of the net."""
    return [each for each in units if (each in chosen) != (each == name)]


def _swap(units: Units, changes: Changes, name: str) -> None:
    picked = changes.picked
    if not picked:
        address.put(picked=name)
        return
    if name != picked and units[name] != units[picked]:
        st.session_state["bench-refused"] = "Blocks of different sizes cannot change places."
    elif name != picked:
        pairs = [each for each in changes.swapped if set(each) != {name, picked}]
        pairs += [(picked, name)] if pairs == changes.swapped else []
        _put("swapped", ["~".join(each) for each in pairs])
    address.forget("picked")


def _put(name: str, values: list[str]) -> None:
    address.put(**{name: values}) if values else address.forget(name)


def _repair() -> None:
    st.session_state.pop("bench-refused", None)
    address.forget(*CHANGES)


def measured(pair: twins.Pair, lesion: dict[str, Any]) -> None:
    """The errors on a few images at once, then on more."""
    few = answers(_questions(pair, lesion, FEW), WAITING, meanwhile=draw_again)
    if few is None:
        return
    more = answers(
        _questions(pair, lesion, MANY), f"Now with {MANY:,} images", meanwhile=lambda: draw(pair, few)
    )
    if more is not None:
        st.session_state["lesioned"] = pair, more
        draw(pair, more)


def _questions(pair: twins.Pair, lesion: dict[str, Any], images: int) -> list[tuple]:
    return [(run, "lesion", lesion | {"images": images}) for run in pair]


def draw_again() -> None:
    """The numbers before, so that the page does not jump."""
    if "lesioned" in st.session_state:
        st.caption("Until then, the numbers before:")
        draw(*st.session_state["lesioned"])


def draw(pair: twins.Pair, found: Sequence[Answer]) -> None:
    for column, run, (facts, by_class) in zip(st.columns(2, gap="medium"), pair, found, strict=True):
        of = SETS[facts["of"]]
        worse = facts["changed_error"] - facts["intact_error"]
        with column:
            st.metric(
                f"{readers.name(run)}: error on {facts['images']:,} {of} images",
                f"{facts['changed_error']:.1f} %",
                f"{worse:+.1f} points".replace("-", "−") if facts["touched"] else None,
                delta_color="inverse" if round(worse, 1) else "off",
            )
            often = int(by_class["said"].argmax())
            said, name = by_class["said"][often], by_class["class"][often]
            intact = f"Intact: {facts['intact_error']:.1f} %."
            name = address.escaped(str(name))
            st.markdown(f"{intact} What it says most often: **{name}**, of {said:.0f} % of the images.")


def sweeps(pair: twins.Pair, of: str) -> None:
    """What no click shows: every block in turn, many at random, and other orders."""
    st.divider()
    for probe, title, reading, images in SWEEPS:
        asked = {"images": images, "of": of}
        found = answers([(run, probe, asked) for run in pair], f"{title}: measuring", place=probe)
        if found is None:
            continue
        facts = {readers.name(run): each for run, (each, _) in zip(pair, found, strict=True)}
        tables = {name: pd.DataFrame(arrays) for name, (_, arrays) in zip(facts, found, strict=True)}
        results.heading(
            title, f"{reading}; {SETS[of]} images, {min(each['images'] for each in facts.values()):,}"
        )
        results.show(_sweep_figure(probe, facts, tables), probe, f"{title}, plain and residual")


def _sweep_figure(probe: str, facts: dict[str, dict], tables: dict[str, pd.DataFrame]):
    template = results.template()
    if probe == "lesions":
        intact = {name: each["intact_error"] for name, each in facts.items()}
        return charts.lesion_errors(tables, intact, template=template)
    draw = charts.error_by_lesions if probe == "random_lesions" else charts.error_by_order
    return draw(tables, template=template)


page()
