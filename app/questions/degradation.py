"""Does a deeper net train worse? Recorded runs at once; the same trained here, live."""

from __future__ import annotations

from collections.abc import Sequence

import cache
import live
import panels
import streamlit as st
import url_state
from errors import show_errors
from head import head, switch
from streamlit.delta_generator import DeltaGenerator

from resnet_edu.experiment import budgets
from resnet_edu.runs import Run

VIEWS = {"recorded": "Recorded", "here": "Trained here"}
SAME = ":gray[Same seeds, same numbers on the same processor; change the first seed for other luck.]"
PARAMETERS = ("view", "study", "depths", "error", "seed", *panels.FLOW_NAMES)


def page() -> None:
    beside, action = head(cache.STUDY.title, (*PARAMETERS, *live.PARAMETERS), 3, 2)
    view = switch("results", "view", VIEWS, "recorded", beside)
    plan = live.read_plan()
    if view == "here":
        here(plan, action)
    else:
        recorded(plan, action)


def recorded(plan: live.Plan, action: DeltaGenerator) -> None:
    if live.button(action, "Train it here", plan):
        live.start(plan)
    studies = cache.recorded_studies()
    if not studies:
        st.info("This copy holds no recorded runs. Train them here.")
        return
    study = url_state.read("study", list(studies), cache.opening_study(studies))
    runs = studies[study]
    all_depths = sorted({run.experiment.net.depth for run in runs})
    depths = url_state.read_several("depths", all_depths, all_depths)
    panels.verdict(runs)
    left, right = st.columns([5, 3], gap="medium")
    with left, st.container(horizontal=True, gap="medium"):
        words = {name: cache.study_name(name) for name in studies}
        url_state.select("recorded study", "study", study, words, width=300)
        url_state.pills("depths", "depths", depths, all_depths)
    with right, st.container(horizontal=True, gap="medium"):
        error, seed = choose_error(), choose_seed(runs)
    panels.everything([run for run in runs if run.experiment.net.depth in depths], error, seed)
    panels.provenance(runs, f"recorded at the budget {study}: {budgets.get(study).help}")


def here(plan: live.Plan, action: DeltaGenerator) -> None:
    st.markdown(f"Trains on the machine that serves this page: {len(plan.arms())} nets. {SAME}")
    good = live.choose(plan)
    runs = live.watched(plan)
    if live.button(action, live.button_label(plan, runs), plan, enabled=good and live.ended(runs)):
        live.start(plan)
    if not runs:
        return
    if not live.ended(runs):
        live.watch(runs, choose_seed(runs))
        return
    panels.verdict(runs)
    with st.container(horizontal=True, gap="medium"):
        error, seed = choose_error(), choose_seed(runs)
    with show_errors():  # a damaged run is a row of the table below
        panels.everything(runs, error, seed)
    with st.expander("Every training"):
        live.arms_table(runs)
    panels.provenance(runs, "trained here")


def choose_error() -> str:
    error = url_state.read("error", list(panels.ERRORS), "training")
    url_state.segmented("error", "error", error, panels.ERRORS)
    return error


def choose_seed(runs: Sequence[Run]) -> int:
    seeds = sorted({run.experiment.seed for run in runs})
    seed = url_state.read("seed", seeds, seeds[0])
    if len(seeds) > 1:
        url_state.segmented("seed of the heatmaps", "seed", seed, seeds)
    return seed


page()
