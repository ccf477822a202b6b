"""Fewer points, same picture: drop points that a screen cannot show."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd


def thin(table: pd.DataFrame, points: int = 300, value: str = "loss") -> pd.DataFrame:
    """At most `points` (5 or more) of a table's rows, in order.

    It keeps both ends, the rows of each stretch where `value` is lowest and highest, so that no spike is
    lost, and the first row where it is not finite, so that a divergence keeps its place.
    """
    if points < 5:
        raise ValueError(f"points is {points}; allowed: 5 …")
    rows = len(table)
    if rows <= points:
        return table
    values = table[value].to_numpy(dtype=float)
    finite = np.isfinite(values)
    keep = {0, rows - 1, int(np.argmin(finite))}
    edges = np.linspace(0, rows, (points - len(keep)) // 2 + 1).astype(int)
    low, high = np.where(finite, values, np.inf), np.where(finite, values, -np.inf)
    for start, stop in itertools.pairwise(edges):
        keep |= {start + int(low[start:stop].argmin()), start + int(high[start:stop].argmax())}
    return table.iloc[sorted(keep)]
