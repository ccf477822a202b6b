"""Partial answers, which a long probe yields row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Kept = Mapping[str, np.ndarray] | None


@dataclass(frozen=True)
class Partial:
    """An answer so far.

    A long probe is a generator `probe(net, data, kept, /, *, arguments)` of these; the last one is the
    answer. `kept`, the arrays of an earlier one, resumes it; None starts it.

    - `done`, `total`: rows. They are equal in the last one.
    - `facts`: plain data.
    - `arrays`: by name; NaN in rows that are not computed yet.
    """

    done: int
    total: int
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]
