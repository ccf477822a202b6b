"""Training loss against steps: plain and residual twins, every seed faint, their mean in front."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from resnet_edu.charts import style
from resnet_edu.charts.labels import decades, spread, whole_numbers
from resnet_edu.charts.style import Template
from resnet_edu.charts.thin import thin

_EMPTY = "no steps recorded yet"
_SEED_POINTS = 150
_LABEL_PIXELS = 24  # a line of type


def loss_curves(
    curves: pd.DataFrame, *, log_y: bool = False, smooth: int = 1, template: Template = "light"
) -> go.Figure:
    """`curves` has a row per net ('plain' or 'residual'), depth, seed and step, with `loss` in nats.

    The thick line is the mean over the seeds that have reached a step. A loss that is not finite ends
    its seed's line at a cross, and the mean with it: the mean of the survivors would flatter. `smooth`
    averages each seed over its last so many recorded steps, and the axis says so.
    """
    fig = style.figure(template)
    _axes(fig, log_y, smooth)
    groups = {key: _Group(group, smooth, log_y) for key, group in curves.groupby(["net", "depth"])}
    groups = {key: group for key, group in groups.items() if group.values.notna().any(axis=None)}
    if not groups:
        return style.note(fig, _EMPTY)
    for net in ("plain", "residual"):
        _draw_seeds(fig, net, [group for (kind, _), group in groups.items() if kind == net])
    depths = sorted({depth for _, depth in groups})
    for (net, depth), group in groups.items():
        _draw_mean(fig, net, depth, group.mean, strength=(depths.index(depth) + 1) / len(depths))
    _draw_crosses(fig, groups, style.ink(template))
    _scale(fig, groups, log_y)
    _label(fig, groups, log_y, template)
    return fig


class _Group:
    """The seeds of one net and depth.

    - `values`: a row per step, a column per seed; NaN where there is nothing to draw.
    - `mean`: step, loss, seeds.
    - `ends`: where seeds diverged, as (seed, step, loss).
    """

    def __init__(self, group: pd.DataFrame, smooth: int, log_y: bool) -> None:
        group = group.drop_duplicates(["seed", "step"], keep="last")
        finite = np.isfinite(group["loss"])
        stops = group[~finite].groupby("seed")["step"].min()
        before = group["step"] < group["seed"].map(stops).fillna(np.inf)
        drawable = finite & before & ((group["loss"] > 0) | (not log_y))
        wide = group[drawable].pivot(index="step", columns="seed", values="loss")
        wide = wide.interpolate(
            method="index", limit_area="inside"
        )  # seeds may be thinned to different steps
        self.values = wide.rolling(smooth, min_periods=1).mean().where(wide.notna())
        mean = self.values[self.values.index < stops.min()] if len(stops) else self.values
        self.mean = pd.DataFrame({"loss": mean.mean(axis=1), "seeds": mean.notna().sum(axis=1)}).reset_index()
        columns = [(seed, self.values[seed].dropna()) for seed in stops.index if seed in self.values]
        self.ends = [(seed, line.index[-1], line.iloc[-1]) for seed, line in columns]


def _axes(fig: go.Figure, log_y: bool, smooth: int) -> None:
    how = f"<br>mean of the last {smooth} recorded steps" if smooth > 1 else ""
    fig.update_xaxes(title_text="training step")
    fig.update_yaxes(title_text=f"mini-batch loss (nats){how}", type="log" if log_y else "linear")
    fig.update_layout(margin_r=165)


def _draw_seeds(fig: go.Figure, net: str, groups: list[_Group]) -> None:
    """All seeds of one kind of net in one trace, with gaps between them."""
    lines = []
    for group in groups:
        for seed in group.values if group.values.shape[1] > 1 else ():
            line = group.values[seed].dropna().rename("loss").reset_index()
            lines += [thin(line, _SEED_POINTS), pd.DataFrame({"step": [np.nan], "loss": [np.nan]})]
    if lines:
        line = pd.concat(lines[:-1])
        look = {"color": style.COLOURS[net], "width": 1}
        fig.add_scatter(
            x=line["step"], y=line["loss"], mode="lines", line=look, opacity=0.45, hoverinfo="skip"
        )


def _draw_mean(fig: go.Figure, net: str, depth: int, mean: pd.DataFrame, strength: float) -> None:
    """Deeper nets are drawn stronger: `strength` is 1 for the deepest."""
    line = thin(mean)
    fig.add_scatter(
        x=line["step"],
        y=line["loss"],
        customdata=line[["seeds"]],
        mode="lines",
        name=f"{net} {depth}",
        line={"color": style.COLOURS[net], "dash": style.DASHES[net], "width": 2 + 2.5 * strength},
        opacity=0.4 + 0.6 * strength,
        hovertemplate=(
            f"<b>{net}, {depth} layers</b><br>step %{{x:,}}: loss %{{y:.4f}} nats"
            "<br>mean over seeds: %{customdata[0]}<extra></extra>"
        ),
    )


def _draw_crosses(fig: go.Figure, groups: dict[tuple[str, int], _Group], ink: str) -> None:
    ends = [(net, depth, *end) for (net, depth), group in groups.items() for end in group.ends]
    if ends:
        fig.add_scatter(
            x=[step for *_, step, _ in ends],
            y=[loss for *_, loss in ends],
            text=[f"{net}, {depth} layers, seed {seed}" for net, depth, seed, *_ in ends],
            mode="markers",
            name="diverged",
            marker={"symbol": "x", "size": 12, "color": [style.COLOURS[end[0]] for end in ends]},
            marker_line={"color": ink, "width": 1},
            hovertemplate="<b>%{text}</b><br>diverged after step %{x:,}<extra></extra>",
        )


def _scale(fig: go.Figure, groups: dict[tuple[str, int], _Group], log_y: bool) -> None:
    values = np.concatenate([group.values.to_numpy().ravel() for group in groups.values()])
    values = values[np.isfinite(values)]
    steps = [group.values.index.max() for group in groups.values()]
    last = max(*steps, 1)
    fig.update_xaxes(range=[0, last], **whole_numbers(last))
    if log_y:
        low, high = np.log10(np.quantile(values, 0.002)) - 0.1, np.log10(values.max()) + 0.1
        exponents, names = decades(low, high)
        fig.update_yaxes(range=[low, high], tickvals=[10**n for n in exponents], ticktext=names)
    else:  # one huge loss would flatten all others
        fig.update_yaxes(range=[0, 1.08 * float(np.quantile(values, 0.998))])


def _label(fig: go.Figure, groups: dict[tuple[str, int], _Group], log_y: bool, template: Template) -> None:
    """Labels at the lines' ends instead of a legend, moved apart where they would overlap."""
    ends = {key: group.values.mean(axis=1).dropna() for key, group in groups.items()}
    low, high = fig.layout.yaxis.range
    at = np.array([end.iloc[-1] for end in ends.values()])
    at = (np.log10(at) if log_y else at).clip(low, high)
    pixels = (fig.layout.height - fig.layout.margin.t - fig.layout.margin.b) / (high - low)
    places = spread(at, _LABEL_PIXELS / pixels, high)
    for ((net, depth), end), y, place in zip(ends.items(), at, places, strict=True):
        font = {"color": style.text_colour(net, template), "size": style.FONT}
        leader = {"arrowhead": 0, "arrowwidth": 1, "arrowcolor": style.COLOURS[net]}
        offset = {"ax": 26, "ay": (y - place) * pixels, "xanchor": "left"}
        fig.add_annotation(text=f"<b>{net} {depth}</b>", x=end.index[-1], y=y, font=font, **offset, **leader)
