"""What nets look at: the image, and each net's map of it, with one colour scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from resnet_edu.charts import style
from resnet_edu.charts.style import Template

_DIVERGING = "RdBu"  # red takes away from the score, blue adds to it
_OVER = 0.62  # opacity of a map laid over its image


def saliency_maps(
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
    *,
    signed: bool,
    scale: str,
    titles: Sequence[str] = (),
    notes: Sequence[str] = (),
    overlay: bool = False,
    height: int = 440,
    template: Template = "light",
) -> go.Figure:
    """The image and its maps side by side, with one colour scale.

    - `image`: uint8 [C, H, W], C 1 or 3.
    - `maps`: of "plain" and "residual", or of one of them, float [C or 1, H, W].
    - `signed`: a signed map is summed over the channels and drawn around 0; of an unsigned one, a magnitude,
      the largest of the channels is drawn (Simonyan 2013 §3.1).
    - `scale`: text for the colour bar.
    - `titles`: above the pictures, the image's first.
    - `notes`: below them. Each map's note also gives its largest value: on the common scale a faint map is
      dark all over.
    - `overlay`: draws the maps over the grey image.
    - `height`: in pixels.
    - `template`: "light" or "dark", as the page is.

    Values that are not finite are grey. Raises `ValueError` for a map of another size than the image.
    """
    for net, grid in maps.items():
        if grid.shape[1:] != image.shape[1:]:
            raise ValueError(f"the {net} map is {grid.shape}, the image {image.shape}: different sizes")
    titles = titles or ("image", *maps)
    fig = make_subplots(
        1,
        1 + len(maps),
        figure=style.figure(template, height=height),
        subplot_titles=titles,
        horizontal_spacing=0.03,
    )
    colours = (style.text_colour(net, template) for net in maps)
    for label, colour in zip(fig.layout.annotations, (style.ink(template), *colours), strict=True):
        label.update(font={"size": style.TITLE, "color": colour}, text=f"<b>{label.text}</b>")
    fig.add_image(z=_rgb(image), hoverinfo="skip", row=1, col=1)
    flat = [grid.sum(axis=0) if signed else np.abs(grid).max(axis=0) for grid in maps.values()]
    for column, grid in enumerate(flat, start=2):
        if overlay:
            fig.add_image(z=_rgb(image.mean(axis=0, keepdims=True)), hoverinfo="skip", row=1, col=column)
        _draw_map(fig, grid, _OVER if overlay else 1, column)
    fig.update_layout(coloraxis=_scale(flat, signed, scale), margin={"t": 60, "b": 50, "l": 10})
    largest = ["", *(f"; largest {_top([grid]):.3g}" if np.isfinite(grid).any() else "" for grid in flat)]
    told = [f"{note}{more}" for note, more in zip(notes, largest, strict=False)]
    _square(fig, image.shape[1], image.shape[2], told)
    return fig


def _rgb(image: np.ndarray) -> np.ndarray:
    """[C, H, W] → uint8 [H, W, 3]."""
    return np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3)).astype(np.uint8)


def _draw_map(fig: go.Figure, grid: np.ndarray, opacity: float, column: int) -> None:
    fig.add_heatmap(
        z=np.where(np.isfinite(grid), grid, np.nan),
        coloraxis="coloraxis",
        opacity=opacity,
        hovertemplate="row %{y}, column %{x}: %{z:.3g}<extra></extra>",
        row=1,
        col=column,
    )


def _top(grids: Sequence[np.ndarray]) -> float:
    """The largest size of what is finite in the maps."""
    values = np.abs(np.concatenate([grid.ravel() for grid in grids]))
    return float(max(values[np.isfinite(values)], default=0))


def _scale(grids: Sequence[np.ndarray], signed: bool, words: str) -> dict[str, Any]:
    top = _top(grids) or 1.0
    return {
        "colorscale": _DIVERGING if signed else style.SCALE,
        "cmin": -top if signed else 0,
        "cmax": top,
        "colorbar": {"title": {"text": words, "side": "right"}, "thickness": 22, "nticks": 6},
    }


def _square(fig: go.Figure, height: int, width: int, notes: Sequence[str]) -> None:
    """Square pixels, the first row on top, no ticks; a note below each picture."""
    bare = {"showticklabels": False, "ticks": "", "showgrid": False, "constrain": "domain"}
    fig.update_xaxes(range=[-0.5, width - 0.5], **bare)
    fig.update_yaxes(range=[height - 0.5, -0.5], **bare)
    for column in range(1, len(fig.layout.annotations) + 1):
        fig.update_yaxes(scaleanchor=f"x{column}" if column > 1 else "x", row=1, col=column)
    for column, note in enumerate(notes, start=1):
        fig.update_xaxes(title={"text": note, "font_size": style.FONT, "standoff": 8}, row=1, col=column)
