"""One number of every layer, unit or ReLU against depth, plain and residual in one figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from resnet_edu.charts import by_unit, style
from resnet_edu.charts.by_unit import Tables
from resnet_edu.charts.labels import decades
from resnet_edu.charts.layers import positive
from resnet_edu.charts.style import Template

LOG = {
    "gradient": "norm of the loss gradient (L2)",
    "weight": "norm of the weights (L2)",
    "update": "norm of one step's update (L2)",
    "ratio": "update : weight",
    "norm": "norm of the Jacobian (Frobenius)",
    "growth": "growth of a small change of the image",
    "mean": "mean activation",
    "sd": "standard deviation of activations",
}
COSINES = {
    "nearby": "cosine of gradients at nearby inputs",
    "examples": "cosine of two images' gradients",
    "same_class": "cosine of two gradients, one class",
}
SHARES = {"zero": "activations that are zero (%)", "dead": "channels that are always zero (%)"}
_PLACES = {"layer": "layer", "relu": "ReLU", "unit": "unit (dotted: it changes the size)"}


def by_depth(tables: Tables, which: str, *, template: Template = "light") -> go.Figure:
    """`tables` of the probes `layer_gradients`, `gradient_correlations`, `jacobians` or `activations`, by
    net; `which` is the column to draw.

    Norms, ratios, means and spreads on a log scale, where 0 and what is not finite leave gaps; cosines
    and shares on one of their own. Raises `ValueError` for a column that is none of these.
    """
    titles = LOG | COSINES | SHARES
    if which not in titles:
        raise ValueError(f"which is {which!r}; allowed: {', '.join(titles)}")
    fig = style.figure(template)
    by_unit.legend(fig)
    fig.update_yaxes(title_text=titles[which])
    tables = by_unit.without_rows(tables)
    if not tables:
        return style.note(fig, "nothing measured yet")
    place = next(each for each in _PLACES if each in next(iter(tables.values())))
    by_unit.number_units(fig, tables, template, _PLACES[place])
    for name, table in tables.items():
        _draw(fig, name, table, place, which)
    _scale(fig, which)
    return fig


def _draw(fig: go.Figure, name: str, table: pd.DataFrame, place: str, which: str) -> None:
    values = table[which].to_numpy(dtype=float)
    error = {"type": "data", "array": 2 * table["norm_se"]} if which == "norm" else None
    fig.add_scatter(
        x=table[place] + 1,
        y=positive(values) if which in LOG else values,
        name=name,
        error_y=error,
        customdata=by_unit.hover_data(table),
        hovertemplate=f"<b>{name}</b>, {place} %{{x}}: %{{customdata[0]}}<br>%{{y:.3g}}<extra></extra>",
        **by_unit.look(name, size=7),
    )


def _scale(fig: go.Figure, which: str) -> None:
    values = np.concatenate([trace.y for trace in fig.data])
    values = values[np.isfinite(values)]
    if which in COSINES:
        low = min([-0.05, *values])
        fig.update_yaxes(range=[1.05 * low if low < -0.05 else -0.05, 1.05])
    elif which in SHARES:
        fig.update_yaxes(range=[-2, 102])
    elif len(values):
        low, high = np.log10(values.min()) - 0.2, np.log10(values.max()) + 0.2
        exponents, names = decades(low, high)
        ticks = {"tickvals": [10**n for n in exponents], "ticktext": names}
        fig.update_yaxes(type="log", range=[low, high], **ticks)
