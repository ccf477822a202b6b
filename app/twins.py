"""Choose trained twins: recorded ones, or those trained here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cache
import streamlit as st
import url_state
from streamlit.delta_generator import DeltaGenerator

from resnet_edu.experiment import Experiment, PadShortcut
from resnet_edu.runs import Run, RunError, Shelf

Pair = tuple[Run, Run]
_BARE: dict[str, Any] = {"label_visibility": "collapsed"}


@dataclasses.dataclass(frozen=True)
class Family:
    """Twins that differ in depth and seed only.

    - `name`: in the URL.
    - `words`: on the page.
    - `pairs`: (depth, seed) → plain and residual run.
    """

    name: str
    words: str
    pairs: dict[tuple[int, int], Pair]

    @property
    def depths(self) -> list[int]:
        return sorted({depth for depth, _ in self.pairs})

    def seeds(self, depth: int) -> list[int]:
        return sorted(seed for other, seed in self.pairs if other == depth)


def choose(
    usual: str = "",
    usual_depth: int | None = None,
    clears: Sequence[str] = (),
    also: Mapping[str, str] = {},
) -> tuple[Pair, DeltaGenerator] | None:
    """Fields for nets, depth and seed. Returns plain and residual run, and room beside the fields.

    usual        the default family, if it exists; else the first
    usual_depth  the default depth, if such nets exist; else the deepest
    forget       parameters that depend on the net's units: another net clears them
    also         other nets in the list, which the page itself draws
    """
    found = families()
    if not found:
        st.info("No trained twins with weights are here yet. Train some on the first page.")
        return None
    family = found[url_state.read("nets", [*found, *also], usual if usual in found else next(iter(found)))]
    opening = usual_depth if usual_depth in family.depths else family.depths[-1]
    depth = url_state.read("depth", family.depths, opening)
    seeds = family.seeds(depth)
    seed = url_state.read("seed", seeds, seeds[0])
    with st.container(horizontal=True, gap="small"):
        words = {name: other.words for name, other in found.items()}
        away = ("depth", "seed", *clears)
        url_state.select("trained nets", "nets", family.name, {**words, **also}, width=440, clears=away)
        url_state.segmented("depth", "depth", depth, family.depths, clears=clears)
        if len(seeds) > 1:
            url_state.segmented("seed", "seed", seed, seeds)
        place = st.container(horizontal=True, gap="small", width="content")
    return family.pairs[depth, seed], place


def choose_trained() -> Pair | None:
    """Fields for nets, depth and seed of any twins that were trained, with weights or without; the deepest
    by default."""
    found = families(weights=False)
    if not found:
        st.info("No trained twins are here yet. Train some on the first page.")
        return None
    with st.container(horizontal=True, gap="small", horizontal_alignment="right"):
        words = {name: other.words for name, other in found.items()}
        family = found[url_state.read("nets", list(found), next(iter(found)))]
        url_state.select(
            "trained nets", "nets", family.name, words, width=310, clears=("depth", "seed"), **_BARE
        )
        depth = url_state.read("depth", family.depths, family.depths[-1])
        seeds = family.seeds(depth)
        seed = url_state.read("seed", seeds, seeds[0])
        depths = {each: f"{each} layers" for each in family.depths}
        url_state.select("depth", "depth", depth, depths, width=120, clears=("seed",), **_BARE)
        if len(seeds) > 1:
            url_state.select(
                "seed", "seed", seed, {each: f"seed {each}" for each in seeds}, width=110, **_BARE
            )
    return family.pairs[depth, seed]


def of_all_depths(pair: Pair) -> list[Pair]:
    """The twins of this pair's family and seed, shallowest first. Just the pair where its family has changed
    since the page chose it: it was trained again, or a run was removed."""
    seed = pair[0].experiment.seed
    family = next((each for each in families().values() if pair in each.pairs.values()), None)
    if family is None:
        return [pair]
    return [family.pairs[depth, seed] for depth in family.depths if (depth, seed) in family.pairs]


@st.cache_resource(ttl=5, show_spinner=False)
def families(weights: bool = True) -> dict[str, Family]:
    """By name: recorded first. With `weights`, only those that kept some."""
    found = {}
    for budget, runs in cache.recorded_studies().items():
        words = f"recorded: {cache.study_name(budget)}"
        found[budget] = Family(
            budget, words, _pairs(run for run in runs if run.weight_steps() or not weights)
        )
    own: dict[str, list[Run]] = {}
    for run in Shelf().runs():
        if _trained(run, weights):
            own.setdefault(_family_key(run.experiment), []).append(run)
    for key, runs in own.items():
        found[f"here-{key}"] = Family(
            f"here-{key}", f"trained here: {_words(runs[0].experiment)}", _pairs(runs)
        )
    return {name: family for name, family in found.items() if family.pairs}


def _trained(run: Run, weights: bool) -> bool:
    try:
        if not weights:
            return run.status().step > 0
        return run.status().state == "done" and bool(run.weight_steps())
    except RunError:
        return False  # damaged: the others are shown


def _pairs(runs: Iterable[Run]) -> dict[tuple[int, int], Pair]:
    """The newest attempts for which both twins exist."""
    nets: dict[tuple[bool, int, int], Run] = {}
    for run in sorted(runs, key=lambda run: (len(run.name), run.name)):
        net = run.experiment.net
        nets[net.plain, net.depth, run.experiment.seed] = run
    return {
        (depth, seed): (run, nets[False, depth, seed])
        for (plain, depth, seed), run in nets.items()
        if plain and (False, depth, seed) in nets
    }


def _family_key(experiment: Experiment) -> str:
    net = dataclasses.replace(experiment.net, depth=8, shortcut=PadShortcut())
    return dataclasses.replace(experiment, net=net, seed=0).key[:8]


def _words(experiment: Experiment) -> str:
    recipe = experiment.recipe
    return (
        f"{cache.data_name(experiment.data)}, {recipe.steps:,} steps, "
        f"width {experiment.net.width}, learning rate {recipe.lr:g}"
    )
