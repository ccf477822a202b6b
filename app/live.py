"""Train on this machine, and watch it. The URL names what is trained, so other browsers can watch too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import cache
import pandas as pd
import panels
import streamlit as st
import url_state
import visitor
from errors import sentence, show_errors, without_folders
from streamlit.delta_generator import DeltaGenerator

from resnet_edu import jobs
from resnet_edu.experiment import Experiment, settings_help
from resnet_edu.experiment.spec import SpecError
from resnet_edu.jobs import pool
from resnet_edu.runs import Run, Shelf, Status, progress
from resnet_edu.studies import degradation

BUDGET = "minute"
POLL_SECONDS = 1.5
DEPTHS = (8, 14, 20, 32, 44, 56)
SEEDS = (1, 2, 3)
SETTINGS = {"first_seed": "seed", "lr": "recipe.lr", "steps": "recipe.steps", "width": "net.width"}
"""Settings' names in the URL → in an experiment."""
LABELS = {"first_seed": "first seed", "lr": "learning rate", "steps": "steps", "width": "width"}
PARAMETERS = ("train", "seeds", "live", *SETTINGS)
ABOUT_ESTIMATE = (
    "Estimated from the nets' sizes, and from the runs that this machine has trained; before the first of "
    "them, from the recorded runs, which another machine may have trained."
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which twins to train.

    - `depths`: of both nets.
    - `seeds`: how many.
    - `settings`: their values as text, by name in the URL.
    """

    depths: tuple[int, ...]
    seeds: int
    settings: dict[str, str]

    def arms(self) -> list[Experiment]:
        """Raises `SpecError`."""
        first = int(float(self.settings["first_seed"]))
        changed = {SETTINGS[name]: text for name, text in self.settings.items() if name != "first_seed"}
        arms = cache.STUDY.arms(BUDGET, seeds=range(first, first + self.seeds), depths=self.depths)
        return [Experiment.from_query(arm.to_query() | changed) for arm in arms]


def read_plan() -> Plan:
    """The plan in the URL; by default the whole minute study."""
    depths = url_state.read_several("train", DEPTHS, degradation.DEPTHS[BUDGET])
    seeds = url_state.read("seeds", SEEDS, SEEDS[-1])
    usual = cache.STUDY.arms(BUDGET)[0]
    defaults = {
        "first_seed": 0,
        "lr": usual.recipe.lr,
        "steps": usual.recipe.steps,
        "width": usual.net.width,
    }
    texts = {
        name: url_state.read_checked(name, _check(name, seeds), str(value))
        for name, value in defaults.items()
    }
    return Plan(tuple(depths), seeds, texts)


def _check(name: str, seeds: int) -> Callable[[str], None]:
    """A function that raises `SpecError` for a text that no experiment takes, with the last seed included."""

    def check(text: str) -> None:
        experiment = Experiment.from_query({SETTINGS[name]: text})
        try:
            dataclasses.replace(experiment, seed=experiment.seed + seeds - 1)
        except SpecError as error:
            raise SpecError(f"with {LABELS[name]} {text}, the last {error}") from None

    return check


def choose(plan: Plan) -> bool:
    """Show the plan's fields; False while one of them holds an invalid value."""
    left, middle, right = st.columns([3, 2, 4], gap="medium")
    with left:
        url_state.pills("depths", "train", plan.depths, DEPTHS)
    with middle:
        url_state.segmented("seeds of each", "seeds", plan.seeds, SEEDS)
    with right, st.expander("Settings"):
        columns = dict(zip(plan.settings, st.columns(2) * 2, strict=True))
        good = [_field(columns[name], name, text, plan.seeds) for name, text in plan.settings.items()]
    return all(good)


def _field(column: DeltaGenerator, name: str, text: str, seeds: int) -> bool:
    described = settings_help()[SETTINGS[name]]
    with column:
        return url_state.checked_text(LABELS[name], name, text, _check(name, seeds), described)


def watched(plan: Plan) -> list[Run]:
    """The runs of the plan's arms: the attempt in the URL's `live`, or the newest one."""
    attempts = [Shelf().attempts(experiment) for experiment in plan.arms()]
    newest = max(len(found) for found in attempts)
    if newest:
        number = url_state.read_number("live", 1, newest, newest)
        return [found[min(number, len(found)) - 1] for found in attempts if found]
    if "live" in st.query_params:
        st.info("The address names a training that this machine does not have. Train it here to see it.")
    return []


def button_label(plan: Plan, runs: Sequence[Run]) -> str:
    states = cache.statuses(cache.paths(runs))
    if not all(state.ended for state in states):
        return "Training …"
    if len(runs) == len(plan.arms()) and all(state.complete for state in states):
        return "Train it again"
    return "Continue training" if runs else "Train it here"


def button(place: DeltaGenerator, label: str, plan: Plan, *, enabled: bool = True) -> bool:
    """The button that trains the plan; below it what that takes, or why the owner's limits refuse it."""
    arms = plan.arms()
    takes, refused = _expected(visitor.client(), tuple(arm.name for arm in arms), arms)
    look: dict[str, Any] = {"type": "primary", "icon": ":material/play_arrow:", "width": "stretch"}
    pressed = place.button(label, disabled=not enabled or bool(refused), **look)
    if enabled and takes:
        place.caption(takes, help=ABOUT_ESTIMATE)
    if refused:
        st.warning(f"These cannot be trained here: {sentence(refused)}")
    return pressed


@st.cache_data(ttl=3, show_spinner=False)
def _expected(client: str, names: tuple[str, ...], _arms: Sequence[Experiment]) -> tuple[str, str]:
    """'About 54 s, 0.7 GB of memory each', or "" where there is nothing to train; and why not, or ""."""
    try:
        takes = jobs.expected(_arms, client)
    except jobs.LimitError as error:
        return "", str(error)
    if not takes.seconds:
        return "", ""
    return f"About {jobs.in_words(takes.seconds)}, {takes.gigabytes:.1f} GB of memory each", ""


def start(plan: Plan) -> None:
    """Train the plan, or resume it; train it again if all of it has ended. The page then watches it."""
    arms = plan.arms()
    jobs.submit_all(arms, again=True, client=visitor.client())
    cache.statuses.clear()
    _expected.clear()
    url_state.set_params(view="here", live=max(len(Shelf().attempts(experiment)) for experiment in arms))
    st.rerun()


def ended(runs: Sequence[Run]) -> bool:
    return all(state.ended for state in cache.statuses(cache.paths(runs)))


def watch(runs: Sequence[Run], seed: int) -> None:
    """Redraw the runs at every poll, and the whole page once all have ended."""
    st.fragment(_growing, run_every=POLL_SECONDS)(runs, seed)


@show_errors()
def _growing(runs: Sequence[Run], seed: int) -> None:
    states = cache.statuses(cache.paths(runs))
    if all(state.ended for state in states):
        st.rerun()
    pool.start_workers(Shelf())  # replaces workers that died
    bar, stop = st.columns([5, 1], gap="medium", vertical_alignment="center")
    bar.progress(*_progress(runs, states))
    if stop.button("Stop training", icon=":material/stop:", width="stretch"):
        jobs.cancel_all(runs)
        cache.statuses.clear()
        st.rerun()
    left, right = st.columns(2, gap="medium")
    with right:
        arms_table(runs)
    with left, show_errors():  # a damaged run is a row of the table
        panels.losses(runs)
    panels.gradients(runs, seed)


def arms_table(runs: Sequence[Run]) -> None:
    """One row per run: net, seed, state, steps and training error; below, the messages of failed runs."""
    states = cache.statuses(cache.paths(runs))
    measured = cache.measured(cache.written(cache.paths(runs)))
    errors, damaged = measured["train_error"], measured["state"] == "damaged"
    table = pd.DataFrame(
        {
            "net": [cache.name(run) for run in runs],
            "seed": [run.experiment.seed for run in runs],
            "state": ["damaged" if bad else now.state for now, bad in zip(states, damaged, strict=True)],
            "steps": [state.step for state in states],
            "training error": ["" if pd.isna(error) else f"{error:.1f} %" for error in errors],
        }
    )
    steps = max(1, *(state.steps for state in states))
    bar = st.column_config.ProgressColumn(format="%d", min_value=0, max_value=steps)
    st.dataframe(table, hide_index=True, column_config={"steps": bar}, key="arms")
    for run, state in zip(runs, states, strict=True):
        if state.message and state.state in ("failed", "diverged", "damaged"):
            name = f"{cache.name(run)}, seed {run.experiment.seed}"
            st.warning(sentence(f"{name}: {state.state}; {state.message}"))


def _progress(runs: Sequence[Run], states: Sequence[Status]) -> tuple[float, str]:
    """The finished share, and a text with the time left."""
    now = progress(runs, side_by_side=jobs.slots(), statuses=states)
    words = f"{now.ended} of {now.runs} trainings have ended"
    if now.seconds_left is None:
        said = next((state.message for state in states if state.state == "running" and state.message), "")
        return now.share, f"{words} · {without_folders(said) or 'the workers are starting'}"
    return now.share, f"{words} · about {_clock(now.seconds_left)} left"


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
