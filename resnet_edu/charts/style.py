"""The style of every figure: Okabe–Ito colours, a line style besides, type readable from the last row."""

from __future__ import annotations

from typing import Any, Literal

import plotly.graph_objects as go

Template = Literal["light", "dark"]

PLAIN = "#D55E00"  # Okabe–Ito vermillion
RESIDUAL = "#0072B2"  # Okabe–Ito blue
COLOURS = {"plain": PLAIN, "residual": RESIDUAL}
DASHES = {"plain": "dash", "residual": "solid"}
SYMBOLS = {"plain": "diamond", "residual": "circle"}
SCALE = "Viridis"  # even steps, with and without colour vision

FONT = 18  # px; axis titles and labels
TICK = 16  # px; the smallest type in any figure
TITLE = 20
_ON_DARK = {"plain": "#F0894A", "residual": "#5BAEE0"}
_INK = {"light": "#1f2328", "dark": "#f0f2f6"}
_GROUND = {"light": "#ffffff", "dark": "#14171c"}  # of the app's pages
_GRID = "rgba(128,128,128,0.28)"


def net_of(label: str) -> str:
    """'plain' or 'residual' for a net's name: 'plain', 'plain-56', 'resnet-56', 'residual' …"""
    return "plain" if "plain" in label else "residual"


def ink(template: Template) -> str:
    """The colour of text on a light or dark page; raises `ValueError` for any other template."""
    if template not in _INK:
        raise ValueError(f"template is {template!r}; allowed: {', '.join(_INK)}")
    return _INK[template]


def ground(template: Template) -> str:
    """The background colour of the app's pages."""
    return _GROUND[template]


def figure(template: Template, *, title: str = "", height: int = 480) -> go.Figure:
    """An empty figure with a transparent background. A viewer's zoom survives updates of the data."""
    fig = go.Figure()
    fig.update_layout(
        template=_layout(ink(template)),
        title_text=title or None,
        height=height,
        margin={"l": 80, "r": 30, "t": 60 if title else 30, "b": 70},
        showlegend=False,
        hovermode="closest",
        dragmode=False,  # a finger that scrolls the page must not zoom; the mode bar has a button for it
        uirevision="keep",
    )
    return fig


def text_colour(net: str, template: Template) -> str:
    """A net's colour for text: its own on a light page, lighter on a dark one, for contrast."""
    return {"light": COLOURS, "dark": _ON_DARK}[template][net]


def note(fig: go.Figure, text: str, **where: int) -> go.Figure:
    """Put a sentence in the middle of an empty figure, or of its empty plot at `row` and `col`."""
    place = {"x": 0.5, "y": 0.5, "xref": "x domain", "yref": "y domain"}
    fig.add_annotation(text=text, showarrow=False, font_size=TITLE, **place, **where)
    fig.update_xaxes(showticklabels=False, showgrid=False, ticks="", **where)
    fig.update_yaxes(showgrid=False, **where)
    if not where:  # plots side by side share their layers' labels
        fig.update_yaxes(showticklabels=False, ticks="")
    return fig


def band(colour: str, opacity: float) -> str:
    """'#D55E00' as 'rgba(213,94,0,0.2)'."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def config() -> dict[str, Any]:
    """For `fig.show(config=…)` and `st.plotly_chart(config=…)`: nothing leaves this machine."""
    return {
        "showSendToCloud": False,
        "displaylogo": False,
        "responsive": True,
        "modeBarButtonsToRemove": ["select2d", "lasso2d"],
        "toImageButtonOptions": {"format": "png", "scale": 2},
    }


def _layout(colour: str) -> go.layout.Template:
    axis = {
        "gridcolor": _GRID,
        "linecolor": _GRID,
        "zeroline": False,
        "ticks": "outside",
        "tickcolor": _GRID,
        "tickfont_size": TICK,
        "title": {"font_size": FONT, "standoff": 12},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {
                "family": "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif",
                "size": FONT,
                "color": colour,
            },
            "title": {"font_size": TITLE, "x": 0.01, "xanchor": "left"},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "hoverlabel": {"font_size": TICK},
            "xaxis": axis,
            "yaxis": axis,
        }
    )
