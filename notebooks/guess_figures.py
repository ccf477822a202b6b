"""A guess and what was measured in one figure, with the gap between them shaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from resnet_edu.charts import style

_ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
_GAP = {"fill": "toself", "mode": "lines", "line_width": 0, "hoverinfo": "skip", "showlegend": False}


def beside_curves(
    x: Sequence[float],
    guesses: Mapping[str, np.ndarray],
    measured: Mapping[str, np.ndarray],
    titles: tuple[str, str],
    *,
    log: bool,
) -> go.Figure:
    """Curves by name: the guesses dotted, what was measured in the colour and line of its net."""
    figure = style.figure("light", height=420)
    figure.update_xaxes(title_text=titles[0], tickvals=list(x) if len(x) < 8 else None)
    figure.update_xaxes(autorange="reversed" if x[0] > x[-1] else True)
    figure.update_yaxes(title_text=titles[1], type="log" if log else "linear")
    for name, guess in guesses.items():
        colour = style.COLOURS[style.net_of(name)]
        there_and_back = {"x": [*x, *x[::-1]], "y": [*guess, *measured[name][::-1]]}
        figure.add_scatter(**there_and_back, fillcolor=style.band(colour, 0.18), **_GAP)
        line = {"color": colour, "width": 2, "dash": "dot"}
        figure.add_scatter(x=x, y=guess, name=f"{name}: your guess", mode="lines", line=line)
    for name, values in measured.items():
        net = style.net_of(name)
        figure.add_scatter(
            x=x,
            y=values,
            name=f"{name}: measured",
            mode="lines+markers",
            line={"color": style.COLOURS[net], "width": 3, "dash": style.DASHES[net]},
            marker={"symbol": style.SYMBOLS[net], "size": 9 if len(x) < 12 else 5},
        )
    return figure.update_layout(showlegend=True, legend=_ABOVE)


def beside_number(
    guess: float | None, measured: float, between: tuple[float, float], title: str, *, log: bool
) -> go.Figure:
    """Two marks on one scale."""
    figure = style.figure("light", height=190)
    figure.update_xaxes(
        title_text=title, type="log" if log else "linear", range=np.log10(between) if log else between
    )
    figure.update_yaxes(visible=False, range=[0, 1])
    ink = style.ink("light")
    if guess is not None:
        corners = {"x": [guess, measured, measured, guess], "y": [0, 0, 1, 1]}
        figure.add_scatter(**corners, fillcolor="rgba(128,128,128,0.25)", **_GAP)
        line = {"dash": "dot", "color": ink}
        figure.add_scatter(x=[guess] * 2, y=[0, 1], name="your guess", mode="lines", line=line)
    line = {"width": 4, "color": ink}
    figure.add_scatter(x=[measured] * 2, y=[0, 1], name="measured", mode="lines", line=line)
    return figure.update_layout(showlegend=True, legend=_ABOVE)
