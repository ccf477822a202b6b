"""Tables and figures of runs, cached for all sessions; the keys say how much of the runs is written.

All sessions share the returned objects, so callers must not change them.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from resnet_edu import anatomy, charts, studies
from resnet_edu.charts.style import Template
from resnet_edu.experiment import Data, Net, budgets
from resnet_edu.runs import Run, RunError, Shelf, Status, recorded
from resnet_edu.studies import Verdict

STUDY = studies.get("degradation")
REAL = "quarter"  # the budget whose recorded nets have seen real photographs at full size
POINTS = 3000
SMOOTH = 5  # recorded steps
_DATA = {"digits": "Digits", "cifar10": "CIFAR-10", "fashion-mnist": "Fashion-MNIST"}
Written = tuple[str, int, int]
"""A run's path, the size of its files in bytes, and the time of the last change: a cache key."""

_shared = st.cache_resource(show_spinner=False, max_entries=64)


@st.cache_data(ttl=1, show_spinner=False)
def statuses(paths: tuple[str, ...]) -> list[Status]:
    return [_status(path) for path in paths]


def _status(path: str) -> Status:
    try:
        return Run(path).status()
    except RunError as error:  # the others are shown
        return Status("damaged", 0, 0, 0.0, str(error))


@st.cache_data(ttl=1, show_spinner=False)
def written(paths: tuple[str, ...]) -> tuple[Written, ...]:
    return tuple(_written(path) for path in paths)


def paths(runs: Sequence[Run]) -> tuple[str, ...]:
    return tuple(str(run.path) for run in runs)


def _written(path: str) -> Written:
    size = changed = 0
    for file in Path(path).glob("[!.]*.*"):
        with contextlib.suppress(FileNotFoundError):  # replaced just now
            stat = file.stat()
            size, changed = size + stat.st_size, max(changed, stat.st_mtime_ns)
    return path, size, changed


@st.cache_resource(ttl=60, show_spinner=False)
def recorded_studies() -> dict[str, list[Run]]:
    """The runs that ship with the package, by the budget whose settings they have; cheapest first."""
    found = studied(recorded())
    return {budget: found[budget] for budget in budgets.BUDGETS if budget in found}


def opening_study(recorded_runs: Mapping[str, Sequence[Run]]) -> str:
    """The study of the first page: real photographs, if all arms of one seed are recorded."""
    arms = {(run.experiment.label, run.experiment.seed) for run in recorded_runs.get(REAL, [])}
    whole = {(arm.label, arm.seed) for arm in STUDY.arms(REAL, seeds=[0])} <= arms
    return REAL if whole else next(iter(recorded_runs))


def studied(shelf: Shelf) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in shelf.runs():
        try:
            experiment = run.experiment
        except RunError:
            continue  # a damaged run is left out, the others are shown
        for budget in budgets.BUDGETS if experiment.net.shortcut.kind in ("none", "A") else ():
            if budgets.at(budget, experiment.label, experiment.seed).key == experiment.key:
                found.setdefault(budget, []).append(run)
    return found


@_shared
def measured(runs: tuple[Written, ...]) -> pd.DataFrame:
    """The study's table, one row per run; see `degradation.measure`."""
    return STUDY.measure(Run(path) for path, *_ in runs)


@_shared
def verdict(runs: tuple[Written, ...]) -> Verdict:
    return STUDY.verdict(measured(runs))


@_shared
def layers(run: Written) -> pd.DataFrame:
    return Run(run[0]).layers()


@_shared
def _losses(run: Written) -> pd.DataFrame:
    """net, depth, seed, step, loss; `POINTS` rows at most."""
    source = Run(run[0])
    table = charts.thin(source.steps()[["step", "loss"]], POINTS)
    return table.assign(net=net_kind(source), depth=source.experiment.net.depth, seed=source.experiment.seed)


@_shared
def loss_figure(runs: tuple[Written, ...], template: Template) -> go.Figure:
    """Smoothed only if no step is left out: the axis says over how many recorded steps the mean is."""
    curves = pd.concat([_losses(run) for run in runs])
    smooth = 1 if curves["step"].max() >= POINTS else SMOOTH
    return charts.loss_curves(curves, log_y=True, smooth=smooth, template=template)


@_shared
def error_figure(runs: tuple[Written, ...], which: str, template: Template) -> go.Figure:
    return charts.error_by_depth(measured(runs), which, template=template)


@_shared
def heatmap_figure(plain: Written, residual: Written, template: Template) -> go.Figure:
    """Steps on a log scale: what happens to the gradients happens early."""
    titles = name(Run(plain[0])), name(Run(residual[0]))
    tables = layers(plain), layers(residual)
    return charts.twin_heatmaps(*tables, titles=titles, log_steps=True, template=template)


@functools.lru_cache(64)  # Streamlit's caches hold two specs of different kinds and equal fields for one
def graph(net: Net) -> dict[str, Any]:
    return anatomy.graph(net)


def net_kind(run: Run) -> str:
    return "plain" if run.experiment.net.plain else "residual"


def name(run: Run) -> str:
    """'plain 56' or 'residual 56', as every figure calls the nets."""
    return f"{net_kind(run)} {run.experiment.net.depth}"


def study_name(budget: str) -> str:
    """'Digits, 240 steps (minute)'"""
    given = budgets.get(budget)
    return f"{data_name(given.data)}, {given.recipe.steps:,} steps ({budget})"


def data_name(data: Data) -> str:
    """'Digits', 'CIFAR-10 at 16×16'"""
    name = _DATA.get(data.kind, data.kind)
    return f"{name} at {data.side}×{data.side}" if data.side else name
