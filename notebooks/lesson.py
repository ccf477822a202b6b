"""What the lessons share: training with a progress bar, pictures, sentences with measured numbers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from IPython.display import DisplayHandle, Markdown, display

from resnet_edu import charts, jobs
from resnet_edu.experiment import Experiment
from resnet_edu.jobs import pool
from resnet_edu.runs import Progress, Run, RunError, Shelf, progress

PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
LOOK_SECONDS = 0.5
_BAR = 30  # characters


class Stopped(KeyboardInterrupt):
    """Somebody pressed the stop button: one line instead of a traceback, and "Run All" ends here."""

    def _render_traceback_(self) -> list[str]:
        return ["Stopped. What was trained is kept: run this cell again and it goes on from there."]


def train(experiments: Iterable[Experiment], *, chart: bool = False) -> list[Run]:
    """Have the experiments trained side by side, watch them to their end, and give their runs.

    Each is trained once: what was trained before is there at once. With `chart`, their losses are drawn
    while they train. Raises `RunError` when one failed.
    """
    experiments = list(experiments)
    if not experiments:
        return []
    bar = DisplayHandle()
    bar.display(Markdown("Starting."))
    curves = DisplayHandle() if chart else None
    if curves is not None:
        curves.display(Markdown(""))
    started, runs = time.monotonic(), list[Run]()
    try:
        runs = jobs.submit_all(experiments)
        while True:
            now = progress(runs, side_by_side=jobs.slots())
            bar.update(Markdown(_line(now, time.monotonic() - started)))
            if curves is not None:
                _draw(curves, runs)
            if now.ended == now.runs:
                break
            pool.start_workers(Shelf())  # in the place of any that died
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        jobs.cancel_all(runs)
        raise Stopped from None
    for run in runs:
        if (status := run.status()).state == "failed":
            raise RunError(f"{run.name} failed: {status.message}")
    return runs


def losses(run: Run) -> pd.DataFrame:
    """What the net lost on each mini-batch, with the names by which the chart tells nets apart."""
    net = run.experiment.net
    kind = "plain" if net.plain else "residual"
    return run.steps().assign(net=kind, depth=net.depth, seed=run.experiment.seed)


def _draw(handle: DisplayHandle, runs: list[Run]) -> None:
    """The losses so far, in the place where they were drawn before."""
    figure = charts.loss_curves(pd.concat([losses(run) for run in runs]), log_y=True, smooth=5)
    shown, metadata = _bundle(figure, "training loss against step, as far as it has got")
    handle.update(shown, raw=True, metadata=metadata)


def say(text: str) -> None:
    """Show Markdown."""
    display(Markdown(text))


def show(figure: go.Figure, alt: str) -> None:
    """Show a chart; `alt` says it in words, where it cannot be drawn or seen.

    Its page is white also in a dark editor, for its letters are dark.
    """
    shown, metadata = _bundle(figure, alt)
    display(shown, raw=True, metadata=metadata)


def _bundle(figure: go.Figure, alt: str) -> tuple[dict[str, Any], dict[str, Any]]:
    figure.update_layout(paper_bgcolor="white")
    drawing = json.loads(figure.to_json()) | {"config": charts.config()}
    return {PLOTLY: drawing, "text/plain": alt}, {"image/png": {"alt": alt}}


def show_widget(widget: Any, text: str) -> None:
    """Show an anywidget; `text` (Markdown) is shown where there is none (None), and in a saved copy."""
    shown = {"text/plain": text, "text/markdown": text}
    if widget is not None:
        bundle = widget._repr_mimebundle_()
        shown[WIDGET] = (bundle[0] if isinstance(bundle, tuple) else bundle)[WIDGET]
    display(shown, raw=True)


def _line(now: Progress, seconds: float) -> str:
    filled = round(_BAR * now.share)
    bar = "█" * filled + "░" * (_BAR - filled)
    left = f"{seconds:.0f} s" if now.ended == now.runs else _left(now.seconds_left)
    return f"`{bar}` {now.share:.0%} · {now.ended} of {now.runs} trained · {left}"


def _left(seconds: float | None) -> str:
    return "the workers are starting" if seconds is None else f"about {seconds:.0f} s left"
