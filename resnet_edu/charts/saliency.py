"""What two twins look at: the image, and each net's map of it, with one colour scale."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from resnet_edu.charts import style
from resnet_edu.charts.style import Template

_DIVERGING = "RdBu"  # red takes away from the score, blue adds to it


def saliency_maps(
    image: np.ndarray,
    plain: np.ndarray,
    residual: np.ndarray,
    *,
    signed: bool,
    titles: tuple[str, str, str] = ("image", "plain", "residual"),
    notes: tuple[str, str, str] = ("", "", ""),
    template: Template = "light",
) -> go.Figure:
    """`image` is uint8 [C, H, W], the maps float [C, H, W]; C is 1 or 3.

    A signed map is summed over the channels and drawn around 0. An unsigned one, a magnitude, is the
    largest of the channels (Simonyan 2013 §3.1). `notes` stand below. Raises `ValueError` when the
    shapes differ. Values that are not finite are grey.
    """
    if not image.shape == plain.shape == residual.shape:
        raise ValueError(
            f"image {image.shape}, plain {plain.shape} and residual {residual.shape} differ in shape"
        )
    fig = make_subplots(
        1, 3, figure=style.figure(template, height=440), subplot_titles=titles, horizontal_spacing=0.03
    )
    nets = (style.text_colour(net, template) for net in ("plain", "residual"))
    for label, colour in zip(fig.layout.annotations, (style.ink(template), *nets), strict=True):
        label.update(font={"size": style.TITLE, "color": colour}, text=f"<b>{label.text}</b>")
    fig.add_image(
        z=np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3)), hoverinfo="skip", row=1, col=1
    )
    flat = [grid.sum(axis=0) if signed else np.abs(grid).max(axis=0) for grid in (plain, residual)]
    for column, grid in enumerate(flat, start=2):
        fig.add_heatmap(
            z=np.where(np.isfinite(grid), grid, np.nan),
            coloraxis="coloraxis",
            hovertemplate="row %{y}, column %{x}: %{z:.3g}<extra></extra>",
            row=1,
            col=column,
        )
    fig.update_layout(coloraxis=_scale(flat, signed), margin={"t": 60, "b": 50, "l": 10})
    _square(fig, image.shape[1], image.shape[2], notes)
    return fig


def _scale(grids: list[np.ndarray], signed: bool) -> dict:
    values = np.abs(np.concatenate([grid.ravel() for grid in grids]))
    top = max(values[np.isfinite(values)], default=0) or 1.0
    words = "part of the score" if signed else "|∂ score / ∂ pixel|"
    return {
        "colorscale": _DIVERGING if signed else style.SCALE,
        "cmin": -top if signed else 0,
        "cmax": top,
        "colorbar": {"title": {"text": words, "side": "right"}, "thickness": 22, "nticks": 6},
    }


def _square(fig: go.Figure, height: int, width: int, notes: tuple[str, str, str]) -> None:
    """Square pixels, the first row on top, no ticks; a note below each picture."""
    fig.update_xaxes(
        range=[-0.5, width - 0.5], showticklabels=False, ticks="", showgrid=False, constrain="domain"
    )
    fig.update_yaxes(
        range=[height - 0.5, -0.5], showticklabels=False, ticks="", showgrid=False, constrain="domain"
    )
    for column, note in enumerate(notes, start=1):
        fig.update_yaxes(scaleanchor=f"x{column}" if column > 1 else "x", row=1, col=column)
        fig.update_xaxes(title={"text": note, "font_size": style.FONT, "standoff": 8}, row=1, col=column)
