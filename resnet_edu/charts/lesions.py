"""Errors of trained nets, plain and residual, with deleted or swapped units (Veit 2016 Fig. 3, 5)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from resnet_edu.charts import by_unit, style
from resnet_edu.charts.by_unit import Tables
from resnet_edu.charts.style import Template

_NOTHING = "no lesions measured yet"


def lesion_errors(
    tables: Tables, intact: Mapping[str, float], *, chance: float | None = None, template: Template = "light"
) -> go.Figure:
    """`tables` of the probe `lesions`, by net: unit, name, changes_size, error in %, loss in nats.

    `intact` has the error in % of each intact net, drawn as a level line. Dotted lines mark the units that
    change the size; `chance`, in %, is a dotted level.
    """
    fig = _figure(template, "error without this unit (%)")
    tables = by_unit.without_rows(tables)
    if not tables:
        return style.note(fig, _NOTHING)
    by_unit.number_units(fig, tables, template, "deleted unit (dotted: it changes the size)")
    for name, table in tables.items():
        net = style.net_of(name)
        level = {"dash": style.DASHES[net], "width": 1.5, "color": style.COLOURS[net]}
        fig.add_hline(y=intact[name], line=level, opacity=0.7)
        fig.add_scatter(
            x=table["unit"] + 1,
            y=table["error"],
            name=f"{name} (intact {intact[name]:.1f} %)",
            customdata=by_unit.hover_data(table, "loss"),
            hovertemplate=f"<b>{name} without unit %{{x}}</b><br>%{{customdata[0]}}<br>error %{{y:.1f}} %, "
            f"loss %{{customdata[1]:.3f}} nats<br>intact {intact[name]:.1f} %<extra></extra>",
            **by_unit.look(name, width=1.5, size=11),
        )
    _level_of_chance(fig, chance, template)
    return fig


def error_by_lesions(
    tables: Tables, *, chance: float | None = None, template: Template = "light"
) -> go.Figure:
    """`tables` of the probe `random_lesions`, by net: count of deleted units, draw, error in %.

    A point is a draw; line and band are the mean ± sd over the draws.
    """
    fig = _figure(template, "error (%)")
    tables = by_unit.without_rows(tables)
    if not tables:
        return style.note(fig, _NOTHING)
    most = max(int(table["count"].max()) for table in tables.values())
    fig.update_xaxes(title_text="deleted units, chosen at random", range=[-0.02 * most, 1.02 * most])
    for name, table in tables.items():
        by_count = table.groupby("count")["error"].agg(["mean", "std", "size"]).reset_index()
        _draw_band(fig, name, by_count)
        fig.add_scatter(
            x=by_count["count"],
            y=by_count["mean"],
            name=name,
            customdata=by_count[["std", "size"]],
            hovertemplate=f"<b>{name}, %{{x}} units deleted</b><br>error %{{y:.1f}}"
            " ± %{customdata[0]:.1f} % (mean ± sd of %{customdata[1]} draws)<extra></extra>",
            **by_unit.look(name, width=3, size=8),
        )
        _draw_draws(fig, name, table, "count", "%{x} units deleted")
    _level_of_chance(fig, chance, template)
    return fig


def error_by_order(tables: Tables, *, chance: float | None = None, template: Template = "light") -> go.Figure:
    """`tables` of the probe `shuffles`, by net: tau, error in %. A point is an order of the units.

    The trained order is on the left, at Kendall's tau = 1 (Veit 2016 Fig. 5b).
    """
    fig = _figure(template, "error (%)")
    tables = by_unit.without_rows(tables)
    if not tables:
        return style.note(fig, _NOTHING)
    lowest = min(float(table["tau"].min()) for table in tables.values())
    fig.update_xaxes(
        title_text="order of the units, Kendall's tau (1: as trained)",
        range=[1.01, min(lowest, 0.95) - 0.01],
    )
    for name, table in tables.items():
        _draw_draws(fig, name, table, "tau", "%{customdata[0]} swaps, tau %{x:.2f}", size=11, legend=True)
    _level_of_chance(fig, chance, template)
    return fig


def _figure(template: Template, title: str) -> go.Figure:
    fig = style.figure(template)
    fig.update_yaxes(title_text=title, range=[-2, 102])
    by_unit.legend(fig)
    return fig


def _draw_band(fig: go.Figure, name: str, by_count: pd.DataFrame) -> None:
    sd = by_count["std"].fillna(0)
    low, high = (by_count["mean"] - sd).clip(lower=0), (by_count["mean"] + sd).clip(upper=100)
    colour = style.band(style.COLOURS[style.net_of(name)], 0.18)
    x = by_count["count"]
    fig.add_scatter(
        x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", mode="lines", line_width=0,
        fillcolor=colour, hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def _draw_draws(
    fig: go.Figure, name: str, table: pd.DataFrame, x: str, words: str, *, size: int = 6, legend: bool = False
) -> None:
    net = style.net_of(name)
    look = {"symbol": style.SYMBOLS[net], "size": size, "color": style.COLOURS[net], "opacity": 0.6}
    fig.add_scatter(
        x=table[x],
        y=table["error"],
        mode="markers",
        marker=look,
        name=name,
        showlegend=legend,
        customdata=table[["swaps" if "swaps" in table else "draw"]],
        hovertemplate=f"<b>{name}, {words}</b><br>error %{{y:.1f}} %<extra></extra>",
    )


def _level_of_chance(fig: go.Figure, chance: float | None, template: Template) -> None:
    if chance is not None:
        ink = style.ink(template)
        fig.add_hline(y=chance, line={"dash": "dot", "width": 1.5, "color": ink}, opacity=0.6)
        text = {
            "text": f"chance {chance:g} %",
            "font_size": style.TICK,
            "xanchor": "right",
            "showarrow": False,
        }
        fig.add_annotation(x=1, xref="paper", y=chance, yshift=15, **text)
