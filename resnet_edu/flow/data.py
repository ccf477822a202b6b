"""From runs to the picture's JSON: tables, thinned where a screen or a file has no room for all rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from resnet_edu.flow.contract import (
    BlockData,
    Dial,
    FlowData,
    FreshProfile,
    LayerData,
    NetData,
    Number,
    Rows,
    Update,
)
from resnet_edu.flow.drawing import drawn_blocks
from resnet_edu.runs import Run, RunError

VERSION = 1
DIGITS = 6  # significant ones; a screen shows three
CURVE_POINTS = 400
VALUES = 120_000  # of all norms together: about 0.9 MB of JSON
FEWEST_ROWS = 40


class FlowError(RunError):
    """A run that cannot be drawn; the message names the run and says why."""


def flow_data(
    run: Run,
    twin: Run | None = None,
    *,
    updates: Sequence[Update] = (),
    dials: Sequence[Dial] = (),
) -> FlowData:
    """What the picture draws of a run and, if there is one, its twin; the plain net comes first.

    `updates` and `dials` are probes' answers for these runs. Raises `FlowError` for a run that is
    damaged, empty or has one step only.
    """
    runs = sorted([run] if twin is None else [run, twin], key=lambda each: not _experiment(each).net.plain)
    columns = 2 * sum(len(_read(each, "layers", False)["name"].unique()) for each in runs)
    rows = max(FEWEST_ROWS, VALUES // max(1, columns))
    nets, thinned = [], []
    for each in runs:
        net, was_thinned = _net(each, rows)
        nets.append(net)
        thinned.append(was_thinned)
    first = runs[0].experiment
    steps = max(each.experiment.recipe.steps for each in runs)
    data: FlowData = {
        "version": VERSION,
        "title": f"{first.data.kind}, seed {first.seed}, {steps:,} steps",
        "steps": steps,
        "live": any(not each.status().ended for each in runs),
        "note": f"{rows} of the recorded steps are drawn." if any(thinned) else "",
        "nets": nets,
    }
    if updates:
        data["updates"] = list(updates)
    if dials:
        data["dials"] = list(dials)
    return data


def fresh_data(*profiles: FreshProfile) -> FlowData:
    """The same picture of one or two nets before their first step, which were never trained."""
    nets: list[NetData] = [
        {
            "run": "",
            "label": profile["label"],
            "kind": profile["kind"],
            "depth": profile["depth"],
            "status": "fresh",
            "blocks": profile["blocks"],
            "layers": profile["layers"],
            "layer_table": {"steps": [0], "gradient": [profile["weight_gradient"]], "ratio": [[]]},
            "unit_table": {
                "steps": [0],
                "gradient": [profile["activation_gradient"]],
                "correlation": [profile["correlation"]],
            },
            "loss": {"steps": [], "loss": []},
            "evals": {"steps": [], "train_error": [], "test_error": []},
        }
        for profile in profiles
    ]
    title = "before the first step"
    return {"version": VERSION, "title": title, "steps": 0, "live": False, "note": "", "nets": nets}


def _net(run: Run, most_rows: int) -> tuple[NetData, bool]:
    """The net, and whether rows had to be left out."""
    experiment, status = _experiment(run), run.status()
    layers, units = _read(run, "layers", status.ended), _read(run, "units", False)
    losses, evals = _read(run, "steps", False), _read(run, "evals", False)
    if status.ended and layers["step"].nunique() < 2:
        raise FlowError(f"{run.name} has one recorded step only; a picture of a training needs two or more")
    names = list(dict.fromkeys(layers["name"]))
    try:
        blocks, drawn = drawn_blocks(experiment.net, experiment.data, names)
        steps, rows = _kept(layers["step"].unique(), most_rows)
        chosen = layers[layers["step"].isin(steps)] if rows else layers
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = chosen["update"].to_numpy(float) / chosen["weight"].to_numpy(float)
        unit_names = [block["name"] for block in blocks if block["kind"] == "unit"]
        net: NetData = {
            "run": run.name,
            "label": experiment.label,
            "kind": "plain" if experiment.net.plain else "residual",
            "depth": experiment.net.depth,
            "status": status.state,
            "blocks": blocks,
            "layers": drawn,
            "layer_table": {
                "steps": [int(step) for step in steps],
                "gradient": _table(chosen["gradient"], len(names)),
                "ratio": _table(ratio, len(names)),
            },
            "unit_table": {
                "steps": [int(step) for step in units["step"].unique()],
                "gradient": _table(units["gradient"], len(unit_names)),
                "correlation": _table(units["correlation"], len(unit_names)),
            },
            "loss": _curve(losses),
            "evals": {
                "steps": [int(step) for step in evals["step"]],
                "train_error": _column(evals["train_error"]),
                "test_error": _column(evals["test_error"]),
            },
        }
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, RunError):
            raise
        raise FlowError(f"{run.name} is damaged ({error}); copy the run again, or train it again") from None
    return net, rows


def _experiment(run: Run) -> Any:
    try:
        return run.experiment
    except RunError as error:
        raise FlowError(f"{run.name} is damaged: {error}") from None


def _read(run: Run, table: Literal["layers", "units", "steps", "evals"], needed: bool) -> pd.DataFrame:
    try:
        found: pd.DataFrame = getattr(run, table)()
    except (RunError, ValueError, OSError, KeyError) as error:
        raise FlowError(f"{run.name} is damaged: {error}") from None
    if needed and found.empty:
        raise FlowError(f"{run.name} has no recorded steps; train it before drawing it")
    return found


def _kept(steps: np.ndarray, most: int) -> tuple[np.ndarray, bool]:
    """At most about so many of the recorded steps, evenly by their position, both ends among them."""
    if len(steps) <= most:
        return steps, False
    return steps[np.unique(np.linspace(0, len(steps) - 1, most).round().astype(int))], True


def _curve(losses: pd.DataFrame) -> Any:
    """Both ends, and of every stretch the lowest and highest loss, so that no spike is lost."""
    steps, loss = losses["step"].to_numpy(int), losses["loss"].to_numpy(float)
    kept = np.arange(len(steps))
    if len(steps) > CURVE_POINTS:
        edges = np.linspace(0, len(steps), CURVE_POINTS // 2).astype(int)
        finite = np.isfinite(loss)
        low, high = np.where(finite, loss, np.inf), np.where(finite, loss, -np.inf)
        spikes = {0, len(steps) - 1, int(np.argmin(finite))}
        for start, stop in itertools.pairwise(edges):
            spikes |= {start + int(low[start:stop].argmin()), start + int(high[start:stop].argmax())}
        kept = np.array(sorted(spikes))
    return {"steps": [int(step) for step in steps[kept]], "loss": _column(loss[kept])}


def _table(values: Any, columns: int) -> Rows:
    """Rows of so many columns; raises `ValueError` where the values do not fill them."""
    flat = np.asarray(values, float)
    if columns == 0 or len(flat) % columns:
        raise ValueError(f"{len(flat)} values do not fill rows of {columns}")
    return [_column(row) for row in flat.reshape(-1, columns)]


def _column(values: Any) -> list[Number]:
    return [short(float(value)) for value in values]


def short(value: float) -> Number:
    """Six significant digits; null for what is not finite. Whole numbers lose their '.0' in JSON."""
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e6 else rounded


__all__ = ["BlockData", "FlowError", "LayerData", "flow_data", "fresh_data", "short"]
