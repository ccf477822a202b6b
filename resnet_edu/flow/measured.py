"""Probes' answers as the picture's JSON: one update, the skip dial, and nets at their start.

What is asked is fixed here, so that the page and the recorded answers ask the same; what comes back becomes
an `Update`, a `Dial` or a `FreshProfile` of `contract.py`. A number that is not finite is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resnet_edu.flow.data import short

Facts = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]
Answered = tuple[str, Facts, Arrays]
"""A run's name, and a probe's facts and arrays about it."""

UPDATE, DIAL, FRESH = "one_update", "skip_dial", "fresh_profile"

_FORWARD = {"x": "x", "branch": "branch", "shortcut": "shortcut", "y": "y"}
_BACKWARD = {
    "y": "grad_y",
    "plus": "grad_plus",
    "shortcut": "grad_shortcut",
    "branch": "grad_branch",
    "cosine": "cosine",
    "x": "grad_x",
}
_WEIGHTS = {"gradient": "gradient", "weight": "weight", "update": "update"}


def questions(steps: Sequence[int], *, plain: bool) -> list[tuple[str, dict[str, Any]]]:
    """What is recorded of a twin whose weights were kept at `steps`: an update at its start and at each of
    these, and of a residual net the dial, over its own grid of α, at its start and at the last of them."""
    asked: list[tuple[str, dict[str, Any]]] = [(UPDATE, {"step": step}) for step in (0, *steps)]
    if not plain:
        asked += [(DIAL, {"step": step}) for step in (0, *steps[-1:])]
    return asked


def update_data(*answered: Answered) -> dict[str, Any]:
    """An `Update` of one net or of twins, in the order of `FlowData.nets`. Raises `ValueError` where they
    are not of the same step."""
    steps = {facts["step"] for _, facts, _ in answered}
    if len(steps) != 1:
        raise ValueError(
            f"these are updates of steps {', '.join(map(str, sorted(steps)))}; one step at a time"
        )
    first = answered[0][1]
    return {
        "step": first["step"],
        "images": first["images"],
        "lr": first["lr"],
        "replayed": first["replayed"],
        "split": first["split"],
        "nets": [
            {
                "run": run,
                "loss": short(facts["loss"]),
                "loss_after": short(facts["loss_after"]),
                "forward": _rows("name", arrays, _FORWARD),
                "backward": _rows("name", arrays, _BACKWARD),
                "weights": _rows("layer", arrays, _WEIGHTS),
            }
            for run, facts, arrays in answered
        ],
    }


def dial_data(run: str, facts: Facts, arrays: Arrays) -> dict[str, Any]:
    """A `Dial`. Its `images` are those of error and loss; gradients are of the first `gradient_images`."""
    return {
        "run": run,
        "step": facts["step"],
        "units": list(facts["dialled"]),
        "images": facts["tested"],
        "gradient_images": facts["images"],
        "alphas": [float(alpha) for alpha in arrays["alphas"]],
        "weight_gradient": _table(arrays["weight_gradient"]),
        "activation_gradient": _table(arrays["activation_gradient"]),
        "correlation": _table(arrays["correlation"]),
        "error": _column(arrays["error"]),
        "loss": _column(arrays["loss"]),
    }


def fresh_net(facts: Facts, arrays: Arrays, blocks: list[Any], layers: list[Any]) -> dict[str, Any]:
    """A `FreshProfile`, with `blocks` and `layers` as `drawn_blocks` makes them of `arrays['layer']`.

    Of several seeds: the geometric mean of norms, which differ by factors, and the mean of correlations.
    """
    return {
        "label": facts["net"],
        "kind": "plain" if facts["plain"] else "residual",
        "depth": facts["depth"],
        "blocks": blocks,
        "layers": layers,
        "weight_gradient": _column(_geometric_mean(arrays["weight_gradient"])),
        "activation_gradient": _column(_geometric_mean(arrays["activation_gradient"])),
        "correlation": _column(arrays["correlation"].mean(0)),
    }


def _geometric_mean(rows: np.ndarray) -> np.ndarray:
    """Over the seeds; 0 where one of them is 0."""
    with np.errstate(divide="ignore"):
        means: np.ndarray = np.exp(np.log(rows.astype(float)).mean(0))
    return means


def _rows(name: str, arrays: Arrays, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    values = {column: _column(arrays[source]) for column, source in columns.items()}
    return [
        {"name": str(each)} | {column: numbers[i] for column, numbers in values.items()}
        for i, each in enumerate(arrays[name])
    ]


def _table(values: np.ndarray) -> list[list[float | None]]:
    return [_column(row) for row in values]


def _column(values: Any) -> list[float | None]:
    return [short(float(value)) for value in values]
