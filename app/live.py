"""Training on this machine, and watching it: what is trained stands in the URL, so anybody can watch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import address
import pandas as pd
import readers
import results
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from words import in_words

from resnet_edu import jobs
from resnet_edu.experiment import Experiment, settings_help
from resnet_edu.experiment.spec import SpecError
from resnet_edu.jobs import pool
from resnet_edu.runs import Run, Shelf, Status, progress
from resnet_edu.studies import degradation

BUDGET = "minute"
RHYTHM = 1.5  # seconds between two looks
DEPTHS = (8, 14, 20, 32, 44, 56)
SEEDS = (1, 2, 3)
SETTINGS = {"first_seed": "seed", "lr": "recipe.lr", "steps": "recipe.steps", "width": "net.width"}
"""What the URL calls a setting, and what an experiment calls it."""
LABELS = {"first_seed": "first seed", "lr": "learning rate", "steps": "steps", "width": "width"}
PARAMETERS = ("train", "seeds", "live", *SETTINGS)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which twins to train: depths, how many seeds, and settings as text."""

    depths: tuple[int, ...]
    seeds: int
    settings: dict[str, str]

    def arms(self) -> list[Experiment]:
        """Raises `SpecError`."""
        first = int(float(self.settings["first_seed"]))
        changed = {SETTINGS[name]: text for name, text in self.settings.items() if name != "first_seed"}
        arms = readers.STUDY.arms(BUDGET, seeds=range(first, first + self.seeds), depths=self.depths)
        return [Experiment.from_query(arm.to_query() | changed) for arm in arms]


def read_plan() -> Plan:
    """What the URL says, or the whole minute study."""
    depths = address.read_several("train", DEPTHS, degradation.DEPTHS[BUDGET])
    seeds = address.read("seeds", SEEDS, SEEDS[-1])
    usual = readers.STUDY.arms(BUDGET)[0]
    defaults = {
        "first_seed": 0,
        "lr": usual.recipe.lr,
        "steps": usual.recipe.steps,
        "width": usual.net.width,
    }
    texts = {
        name: address.read_checked(name, _check(name, seeds), str(value)) for name, value in defaults.items()
    }
    return Plan(tuple(depths), seeds, texts)


def _check(name: str, seeds: int) -> Callable[[str], None]:
    """Raises `SpecError` for a text that makes no experiment with it, or none with the last of the seeds."""

    def check(text: str) -> None:
        experiment = Experiment.from_query({SETTINGS[name]: text})
        try:
            dataclasses.replace(experiment, seed=experiment.seed + seeds - 1)
        except SpecError as error:
            raise SpecError(f"with {LABELS[name]} {text}, the last {error}") from None

    return check


def choose(plan: Plan) -> bool:
    """The fields in which a plan is made; False while one of them holds what cannot be trained."""
    left, middle, right = st.columns([3, 2, 4], gap="medium")
    with left:
        address.press_several("depths", "train", plan.depths, DEPTHS)
    with middle:
        address.press_one("seeds of each", "seeds", plan.seeds, SEEDS)
    with right, st.expander("Settings"):
        columns = dict(zip(plan.settings, st.columns(2) * 2, strict=True))
        good = [_field(columns[name], name, text, plan.seeds) for name, text in plan.settings.items()]
    return all(good)


def _field(column: DeltaGenerator, name: str, text: str, seeds: int) -> bool:
    described = settings_help()[SETTINGS[name]]
    with column:
        return address.checked_text(LABELS[name], name, text, _check(name, seeds), described)


def watched(plan: Plan) -> list[Run]:
    """The runs of the plan's arms: of the attempt that the URL pins as `live`, or the newest."""
    attempts = [Shelf().attempts(experiment) for experiment in plan.arms()]
    newest = max(len(found) for found in attempts)
    if newest:
        number = address.read_number("live", 1, newest, newest)
        return [found[min(number, len(found)) - 1] for found in attempts if found]
    if "live" in st.query_params:
        st.info("The address names a training that this machine does not have. Train it here to see it.")
    return []


def button_label(plan: Plan, runs: Sequence[Run]) -> str:
    states = readers.statuses(readers.paths(runs))
    if not all(state.ended for state in states):
        return "Training …"
    if len(runs) == len(plan.arms()) and all(state.complete for state in states):
        return "Train it again"
    return "Continue training" if runs else "Train it here"


def button(place: DeltaGenerator, label: str, *, enabled: bool = True) -> bool:
    return place.button(
        label, type="primary", icon=":material/play_arrow:", disabled=not enabled, width="stretch"
    )


def start(plan: Plan) -> None:
    """Have the plan trained, or continued; again if all of it has ended. The page then watches it."""
    arms = plan.arms()
    jobs.submit_all(arms, again=True)
    readers.statuses.clear()
    address.put(view="here", live=max(len(Shelf().attempts(experiment)) for experiment in arms))
    st.rerun()


def ended(runs: Sequence[Run]) -> bool:
    return all(state.ended for state in readers.statuses(readers.paths(runs)))


def watch(runs: Sequence[Run], seed: int) -> None:
    """Draw the runs while they grow, and the whole page anew once all have ended."""
    st.fragment(_growing, run_every=RHYTHM)(runs, seed)


@in_words()
def _growing(runs: Sequence[Run], seed: int) -> None:
    states = readers.statuses(readers.paths(runs))
    if all(state.ended for state in states):
        st.rerun()
    pool.start_workers(Shelf())  # in the place of any that died
    bar, stop = st.columns([5, 1], gap="medium", vertical_alignment="center")
    bar.progress(*_progress(runs, states))
    if stop.button("Stop training", icon=":material/stop:", width="stretch"):
        jobs.cancel_all(runs)
        readers.statuses.clear()
        st.rerun()
    left, right = st.columns(2, gap="medium")
    with left:
        results.losses(runs)
    with right:
        arms_table(runs)
    results.gradients(runs, seed)


def arms_table(runs: Sequence[Run]) -> None:
    """A row a training: state, steps and error; below, what is to be said of those that broke."""
    states = readers.statuses(readers.paths(runs))
    errors = readers.measured(readers.written(readers.paths(runs)))["train_error"]
    table = pd.DataFrame(
        {
            "net": [readers.name(run) for run in runs],
            "seed": [run.experiment.seed for run in runs],
            "state": [state.state for state in states],
            "steps": [state.step for state in states],
            "training error": ["" if pd.isna(error) else f"{error:.1f} %" for error in errors],
        }
    )
    steps = max(state.steps for state in states)
    bar = st.column_config.ProgressColumn(format="%d", min_value=0, max_value=steps)
    st.dataframe(table, hide_index=True, column_config={"steps": bar}, key="arms")
    for run, state in zip(runs, states, strict=True):
        if state.message and state.state in ("failed", "diverged"):
            name = f"{readers.name(run)}, seed {run.experiment.seed}"
            st.warning(address.escaped(f"{name}: {state.state}; {state.message}"))


def _progress(runs: Sequence[Run], states: Sequence[Status]) -> tuple[float, str]:
    """The share that is done, and words with the time left."""
    now = progress(runs, side_by_side=jobs.slots(), statuses=states)
    words = f"{now.ended} of {now.runs} trainings have ended"
    if now.seconds_left is None:
        said = next((state.message for state in states if state.state == "running" and state.message), "")
        return now.share, f"{words} · {said or 'the workers are starting'}"
    return now.share, f"{words} · about {_clock(now.seconds_left)} left"


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
